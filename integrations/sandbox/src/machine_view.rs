//! What the program sees of the machine: as many cores, and as much memory, as it may use.
//!
//! Runtimes size their heaps and their pools of threads by what they find. Cores are limited by the affinity of the
//! processes, which most ask; some read `/proc/stat`, `/proc/cpuinfo` or `/sys/devices/system/cpu` instead, so these
//! show the same. Memory is asked of the control group, of which `told_cgroup` has more, or of `/proc/meminfo`.
//! What the system call `sysinfo` tells stays that of the machine: no filter can answer in its place.

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
        write(&root.join("meminfo"), meminfo_of(&read("/proc/meminfo"), memory_bytes))?;
        let cgroup = ToldCgroup::new(root, list.trim(), memory_bytes)?;
        Ok(Self { folder, cgroup })
    }

    /// What is to be bound, in this order: the file outside, and where it is inside.
    pub(crate) fn binds(&self) -> Vec<(PathBuf, PathBuf)> {
        let own = |name: &str| self.folder.path().join(name);
        let mut binds = self.cgroup.binds.clone();
        binds.push((own("cpu"), CPU_FOLDER.into()));
        for (name, path) in ["stat", "cpuinfo", "meminfo"].map(|name| (name, Path::new("/proc").join(name))) {
            // What the kernel does not offer cannot be covered.
            if path.exists() {
                binds.push((own(name), path));
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

/// The lines of `/proc/meminfo` with the limit as the memory of the machine, all of it free. Nothing else is told but
/// sizes that do not depend on use.
fn meminfo_of(meminfo: &str, memory_bytes: u64) -> String {
    let value_of = |line: &str| line.split_once(':')?.1.split_whitespace().next()?.parse::<u64>().ok();
    let total = meminfo.lines().find(|line| line.starts_with("MemTotal:")).and_then(value_of);
    let told = total.map_or(memory_bytes >> 10, |total| total.min(memory_bytes >> 10));
    meminfo.lines().fold(String::new(), |mut text, line| {
        let Some((name, rest)) = line.split_once(':') else { return text };
        let unit = if rest.ends_with(" kB") { " kB" } else { "" };
        let value = match name {
            "MemTotal" | "MemFree" | "MemAvailable" | "CommitLimit" => told,
            "Hugepagesize" | "VmallocTotal" => value_of(line).unwrap_or(0),
            _ => 0,
        };
        let _ = writeln!(text, "{:<16}{value:>8}{unit}", format!("{name}:"));
        text
    })
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
    #[test]
    fn the_limit_is_the_memory_of_the_machine() {
        let meminfo = "MemTotal:       24684084 kB\nMemFree:         9 kB\nMemAvailable:   23772076 kB\nCached: 7 kB\n\
                       SwapTotal:       1024 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\n";
        let told = |bytes| meminfo_of(meminfo, bytes).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            told(512 << 20),
            "MemTotal: 524288 kB MemFree: 524288 kB MemAvailable: 524288 kB Cached: 0 kB SwapTotal: 0 kB \
             HugePages_Total: 0 Hugepagesize: 2048 kB"
        );
        // No more than there is.
        assert!(told(1 << 40).starts_with("MemTotal: 24684084 kB MemFree: 24684084 kB "));
        assert_eq!(meminfo_of("", 1 << 20), "");
    }
}
