//! What the processes of a command take of the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A process, by the folders in `/proc` of its threads. One whose first thread has ended tells nothing of itself, but
/// its other threads do.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) threads: Vec<PathBuf>,
}

/// All descendants of `root`.
pub(crate) fn processes(root: u32) -> Vec<Process> {
    let mut found = Vec::new();
    let mut pending = children(&threads(root));
    while let Some(pid) = pending.pop() {
        let threads = threads(pid);
        pending.extend(children(&threads));
        found.push(Process { threads });
    }
    found
}

/// The first child of `root`.
pub(crate) fn first_child(root: u32) -> Option<u32> {
    children(&threads(root)).first().copied()
}

/// The memory of these processes in bytes with that of their page tables, exact where it is more than `enough`.
///
/// The exact share takes the kernel a walk through all pages. Until what the processes have resident exceeds the limit,
/// counting for each what it shares with others, there is no need for it.
pub(crate) fn memory_bytes(processes: &[Process], enough: u64) -> u64 {
    let most = processes.iter().filter_map(|process| process.memory(resident_bytes)).sum();
    if most <= enough {
        return most;
    }
    let share = |process: &Process| process.memory(share_bytes).or_else(|| process.memory(private_bytes));
    let tables = processes.iter().filter_map(|process| process.memory(page_table_bytes));
    processes.iter().filter_map(share).chain(tables).sum()
}

impl Process {
    /// The processor time of this process.
    pub(crate) fn own_cpu(&self) -> Duration {
        self.cpu_fields(2)
    }

    /// The processor time of this process and of its children that have ended.
    pub(crate) fn cpu(&self) -> Duration {
        self.cpu_fields(4)
    }

    /// The sum of the first of `utime`, `stime`, `cutime`, `cstime`.
    fn cpu_fields(&self, count: usize) -> Duration {
        // `/proc/<process>/task/<thread>`: the file of the process counts all of its threads, ended ones too.
        let process = self.threads.first().and_then(|thread| thread.ancestors().nth(2));
        let stat = process.and_then(|process| fs::read_to_string(process.join("stat")).ok());
        let stat = stat.unwrap_or_default();
        // The name of the program is in parentheses and may have blanks and parentheses itself.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks =
            fields.split_whitespace().skip(11).take(count).filter_map(|field| field.parse::<u64>().ok());
        let ticks_a_second = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_millis(ticks.sum::<u64>().saturating_mul(1_000) / ticks_a_second)
    }

    fn memory(&self, read: impl Fn(&Path) -> Option<u64>) -> Option<u64> {
        self.threads.iter().find_map(|thread| read(thread))
    }
}

/// None where the process has ended.
fn resident_bytes(thread: &Path) -> Option<u64> {
    fields(thread, "status", &["VmRSS:", "VmSwap:", "VmPTE:"])
}

/// Reading where nothing was written takes no page, but page tables.
fn page_table_bytes(thread: &Path) -> Option<u64> {
    fields(thread, "status", &["VmPTE:"])
}

/// Pages that several processes share count for each in part. None also where the worker may not look, as root of a
/// container without `CAP_SYS_PTRACE` may not.
fn share_bytes(thread: &Path) -> Option<u64> {
    fields(thread, "smaps_rollup", &["Pss:", "SwapPss:"])
}

/// Pages that a `fork` shares count for both, what is shared otherwise for none.
fn private_bytes(thread: &Path) -> Option<u64> {
    fields(thread, "status", &["RssAnon:", "VmSwap:"])
}

/// The sum of these fields of a file of `/proc` that counts in KiB. None if it has none of them.
fn fields(thread: &Path, file: &str, names: &[&str]) -> Option<u64> {
    let text = fs::read_to_string(thread.join(file)).ok()?;
    let kibibytes = text.lines().filter_map(|line| {
        let (name, value) = line.split_at_checked(line.find(':')? + 1)?;
        names.contains(&name).then(|| value.trim().trim_end_matches(" kB").parse::<u64>().ok())?
    });
    kibibytes.fold(None, |sum, value| Some(sum.unwrap_or(0) + value * 1024))
}

/// None when the process has ended.
fn threads(pid: u32) -> Vec<PathBuf> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.map(|thread| thread.path()).collect()
}

fn children(threads: &[PathBuf]) -> Vec<u32> {
    let lists = threads.iter().filter_map(|thread| fs::read_to_string(thread.join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>()).collect()
}
