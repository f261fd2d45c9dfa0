//! What the program sees of the machine: as many cores, and as much memory, as it may use.
//!
//! Runtimes size their heaps and their pools of threads by what they find. Cores are limited by the affinity of the
//! processes, which most ask; some read `/proc/stat`, `/proc/cpuinfo` or `/sys/devices/system/cpu` instead, so these
//! show the same. Memory is asked of the control group: `told_cgroup` has more of that.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    open_file::{make_folder, write},
    told_cgroup::ToldCgroup,
};

/// Where the cores are described.
const CPU_FOLDER: &str = "/sys/devices/system/cpu";
/// The files of one command. They vanish when it is dropped.
#[derive(Debug)]
pub(crate) struct MachineView {
    folder: TempDir,
    cgroup: ToldCgroup,
}

impl MachineView {
    /// `cores` are numbers of the machine's.
    pub(crate) fn new(cores: &[usize], memory_bytes: u64) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("ctutor-sandbox-").tempdir()?;
        let root = folder.path();
        let cpu = root.join("cpu");
        make_folder(&cpu)?;
        let list = format!("{}\n", core_list(cores));
        for name in ["online", "possible", "present"] {
            write(&cpu.join(name), &list)?;
        }
        for core in cores {
            make_folder(&cpu.join(format!("cpu{core}")))?;
        }
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        write(&root.join("stat"), stat_of(&read("/proc/stat"), cores))?;
        write(&root.join("cpuinfo"), cpuinfo_of(&read("/proc/cpuinfo"), cores))?;
        let cgroup = ToldCgroup::new(root, list.trim(), memory_bytes)?;
        Ok(Self { folder, cgroup })
    }

    /// What is to be bound, in this order: the file outside, and where it is inside.
    pub(crate) fn binds(&self) -> Vec<(PathBuf, PathBuf)> {
        let own = |name: &str| self.folder.path().join(name);
        let mut binds = self.cgroup.binds.clone();
        binds.push((own("cpu"), CPU_FOLDER.into()));
        for (name, path) in [("stat", "/proc/stat"), ("cpuinfo", "/proc/cpuinfo")] {
            // What the kernel does not offer cannot be covered.
            if Path::new(path).exists() {
                binds.push((own(name), path.into()));
            }
        }
        binds
    }
}

fn core_list(cores: &[usize]) -> String {
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The lines of `/proc/stat` without other cores.
fn stat_of(stat: &str, cores: &[usize]) -> String {
    let is_ours = |line: &&str| {
        let core = line.strip_prefix("cpu").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        core.is_none_or(|core| cores.contains(&core))
    };
    stat.lines().filter(is_ours).fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// The blocks of `/proc/cpuinfo` without other cores.
fn cpuinfo_of(cpuinfo: &str, cores: &[usize]) -> String {
    let is_ours = |block: &&str| {
        let number = block.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "processor").then(|| value.trim().parse::<usize>().ok())?
        });
        number.is_none_or(|number| cores.contains(&number))
    };
    cpuinfo.split_inclusive("\n\n").filter(is_ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_cores_are_left_out() {
        let stat = "cpu  9 9\ncpu0 1 1\ncpu1 2 2\ncpu10 3 3\nintr 5\n";
        assert_eq!(stat_of(stat, &[1]), "cpu  9 9\ncpu1 2 2\nintr 5\n");
        let cpuinfo = "processor\t: 0\nmodel\t: a\n\nprocessor\t: 1\nmodel\t: b\n\n";
        assert_eq!(cpuinfo_of(cpuinfo, &[1]), "processor\t: 1\nmodel\t: b\n\n");
        assert_eq!(core_list(&[1, 7]), "1,7");
    }
}
