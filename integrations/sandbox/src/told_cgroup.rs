//! The control group that the program sees.
//!
//! Java, Node.js, .NET and others read from it how much memory there is, and would otherwise size their heaps by the
//! machine's. The files are the sandbox's own, whether or not the machine gave the command a real group. Java believes
//! them only on file systems of the right kind, as its list of mounts shows them. So the folders of the worker's own
//! group are bound first and covered then: of version 1 whole folders, of version 2 the single files, since the folder
//! itself must be of the right kind.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::open_file::{make_folder, write};

const CGROUP_FOLDER: &str = "/sys/fs/cgroup";
/// Java gives a quarter of what it sees to its heap. With this it is half of the limit, which leaves enough for what it
/// needs besides. What is really used is limited by the watchdog or the kernel.
const TOLD_MEMORY_FACTOR: u64 = 2;

/// What is to be bound, in this order: the file or folder outside, and where it is inside.
#[derive(Debug)]
pub(crate) struct ToldCgroup {
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
}

impl ToldCgroup {
    /// Writes its files below `root`.
    pub(crate) fn new(root: &Path, cores: &str, memory_bytes: u64) -> io::Result<Self> {
        let told = memory_bytes.saturating_mul(TOLD_MEMORY_FACTOR).to_string();
        let (first, second) = (root.join("cgroup-1"), root.join("cgroup-2"));
        write_all(&first, &version_1(cores, &told))?;
        write_all(&second, &version_2(cores, &told))?;
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let inside = PathBuf::from(CGROUP_FOLDER);
        let mut binds = Vec::new();
        for folder in own_folders(&groups, &mounts, "cgroup") {
            let Some(name) = folder.mount.file_name() else { continue };
            binds.extend([(folder.path, inside.join(name)), (first.clone(), inside.join(name))]);
        }
        if !binds.is_empty() {
            return Ok(Self { binds });
        }
        let real = own_folders(&groups, &mounts, "cgroup2").into_iter().next();
        match real.map(|folder| folder.path).filter(|folder| folder.join("memory.max").is_file()) {
            Some(real) => {
                binds.push((real.clone(), inside.clone()));
                let names = version_2(cores, &told).map(|(name, _)| name);
                let covered = names.into_iter().filter(|name| real.join(name).is_file());
                binds.extend(covered.map(|name| (second.join(name), inside.join(name))));
            }
            None => binds.push((second, inside)),
        }
        Ok(Self { binds })
    }
}

fn version_1<'a>(cores: &'a str, memory: &'a str) -> [(&'static str, &'a str); 12] {
    [
        ("cpu.cfs_period_us", "100000"),
        ("cpu.cfs_quota_us", "-1"),
        ("cpu.shares", "1024"),
        ("cpuacct.usage", "0"),
        ("cpuset.cpus", cores),
        ("cpuset.effective_cpus", cores),
        ("memory.limit_in_bytes", memory),
        ("memory.memsw.limit_in_bytes", memory),
        ("memory.soft_limit_in_bytes", memory),
        ("memory.usage_in_bytes", "0"),
        ("memory.use_hierarchy", "1"),
        ("pids.max", "max"),
    ]
}

fn version_2<'a>(cores: &'a str, memory: &'a str) -> [(&'static str, &'a str); 11] {
    [
        ("cgroup.controllers", "cpuset cpu memory pids"),
        ("cpu.max", "max 100000"),
        ("cpu.weight", "100"),
        ("cpuset.cpus", cores),
        ("cpuset.cpus.effective", cores),
        ("memory.current", "0"),
        ("memory.high", "max"),
        ("memory.max", memory),
        ("memory.swap.current", "0"),
        ("memory.swap.max", "0"),
        ("pids.max", "max"),
    ]
}

fn write_all(folder: &Path, files: &[(&str, &str)]) -> io::Result<()> {
    make_folder(folder)?;
    files.iter().try_for_each(|(name, value)| write(&folder.join(name), format!("{value}\n")))
}

/// A mounted hierarchy of control groups, and the folder of this process in it.
#[derive(Debug, PartialEq, Eq)]
struct OwnFolder {
    mount: PathBuf,
    path: PathBuf,
}

/// Those that are mounted as file systems of this kind, from `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn own_folders(groups: &str, mounts: &str, kind: &str) -> Vec<OwnFolder> {
    /// Of version 1 only these are read.
    const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "cpuset", "memory", "pids"];

    let folder = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let (mut before, mut after) = (before.split(' ').skip(3), after.split(' '));
        let (root, mount) = (before.next()?, PathBuf::from(before.next()?));
        if after.next() != Some(kind) {
            return None;
        }
        let options: Vec<&str> = after.nth(1)?.split(',').collect();
        let is_ours = |controllers: &str| match kind {
            "cgroup2" => controllers.is_empty(),
            _ => controllers.split(',').any(|name| CONTROLLERS.contains(&name) && options.contains(&name)),
        };
        let group = groups.lines().find_map(|group| {
            let (controllers, group) = group.split_once(':')?.1.split_once(':')?;
            is_ours(controllers).then_some(group)
        })?;
        let below = group.strip_prefix(root).unwrap_or(group).trim_start_matches('/');
        let path = mount.join(below);
        path.is_dir().then_some(OwnFolder { mount, path })
    };
    mounts.lines().filter_map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_s_own_folders_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        for path in ["memory/here", "unified/there", "devices"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let groups = "4:memory:/here\n5:devices:/\n0::/there\n";
        let mounts = format!(
            "30 1 0:1 / {root}/memory rw - cgroup cgroup rw,memory\n\
             31 1 0:2 / {root}/devices rw - cgroup cgroup rw,devices\n\
             32 1 0:3 / {root}/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n\
             33 1 0:4 / /proc rw - proc proc rw\n"
        );
        let found = |kind| {
            let found = own_folders(groups, &mounts, kind);
            found.into_iter().map(|folder| folder.path).collect::<Vec<_>>()
        };
        assert_eq!(found("cgroup"), [folder.path().join("memory/here")]);
        assert_eq!(found("cgroup2"), [folder.path().join("unified/there")]);
    }
}
