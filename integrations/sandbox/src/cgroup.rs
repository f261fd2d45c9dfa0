//! A control group (version 2) for each command, where the operator has delegated a folder for them.
//!
//! The kernel then bounds memory and processes of the whole command exactly. Without it the watchdog samples them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Limits, confinement::OWN_PROCESSES};

/// The programs that lead to the command need some memory as well.
const OWN_MEMORY_BYTES: u64 = 16 << 20;

/// The group of one command. Dropping it ends what is left in it and removes it.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
}

impl Group {
    pub(crate) fn create(root: &Path, limits: &Limits) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let group = Self { path: root.join(format!("ctutor-{}-{number}", std::process::id())) };
        fs::create_dir(&group.path)?;
        group.set("memory.max", limits.memory_bytes.saturating_add(OWN_MEMORY_BYTES))?;
        group.set("pids.max", limits.processes + OWN_PROCESSES + 1)?;
        // All or none: a program with half of its processes gone would only puzzle its author.
        group.set("memory.oom.group", 1)?;
        // Absent where the kernel has no swap accounting.
        let _ = group.set("memory.swap.max", 0);
        Ok(group)
    }

    /// What a process writes its number to in order to join.
    pub(crate) fn entrance(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
    }

    fn set(&self, file: &str, value: u64) -> io::Result<()> {
        fs::write(self.path.join(file), value.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        if let Err(fault) = fs::remove_dir(&self.path) {
            tracing::debug!(group = %self.path.display(), error = %fault, "a control group was left behind");
        }
    }
}

/// Why `root` cannot carry groups, if it cannot.
pub(crate) fn why_unusable(root: &Path) -> Option<String> {
    let controllers = match fs::read_to_string(root.join("cgroup.subtree_control")) {
        Ok(text) => text,
        Err(fault) => {
            return Some(format!("`{}` is not a control group of version 2: {fault}", root.display()));
        }
    };
    for wanted in ["memory", "pids"] {
        if !controllers.split_whitespace().any(|name| name == wanted) {
            return Some(format!("`{}` does not pass on the controller `{wanted}`", root.display()));
        }
    }
    match Group::create(root, &Limits::default()) {
        Ok(_) => None,
        Err(fault) => Some(format!("a group cannot be created in `{}`: {fault}", root.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of an ordinary folder stand in for the kernel's: what is written is what the kernel would be told.
    #[test]
    fn a_group_is_given_its_bounds() {
        let root = tempfile::tempdir().unwrap();
        assert!(why_unusable(root.path()).unwrap().contains("is not a control group"));
        fs::write(root.path().join("cgroup.subtree_control"), "cpu memory\n").unwrap();
        assert!(why_unusable(root.path()).unwrap().contains("`pids`"));
        fs::write(root.path().join("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        assert_eq!(why_unusable(root.path()), None);

        let limits = Limits { memory_bytes: 1 << 20, processes: 7, ..Limits::default() };
        let group = Group::create(root.path(), &limits).unwrap();
        let read = |name| fs::read_to_string(group.path.join(name)).unwrap();
        assert_eq!(read("memory.max"), (17_u64 << 20).to_string());
        assert_eq!(read("pids.max"), "11");
        assert_eq!(read("memory.oom.group"), "1");
        fs::write(group.path.join("memory.events"), "low 0\noom 1\noom_kill 0\n").unwrap();
        assert!(!group.ran_out_of_memory());
        fs::write(group.path.join("memory.events"), "low 0\noom 1\noom_kill 3\n").unwrap();
        assert!(group.ran_out_of_memory());
    }
}
