//! Watches what limits of single processes cannot: memory and number of all together, and the disk.
//!
//! It also holds the first process of the command's process namespace. When that one has ended, the kernel has ended
//! all others before it: only then is a command really over.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::MissedTickBehavior;

use crate::{Exit, Limits, confinement::OWN_PROCESSES};

const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// Until the first process is seen. It appears about a millisecond after the start.
const SEEK_EVERY: Duration = Duration::from_millis(1);
const SEEK_TIMES: u32 = 100;
const DISK_EVERY_SAMPLES: u64 = 10;
/// The limit of the kernel answers the program's `fork` and is to be met first.
const SLACK_PROCESSES: u64 = 6;

/// The first process of the namespace, once it is known.
pub(crate) type First = Arc<OnceLock<Arc<OwnedFd>>>;

pub(crate) struct Watchdog {
    /// The child that this process started.
    pub(crate) root: u32,
    /// Nothing to look for where the command has no namespace.
    pub(crate) first: Option<First>,
    pub(crate) limits: Limits,
    pub(crate) writable: Arc<[PathBuf]>,
}

impl Watchdog {
    /// Answers only when a limit is exceeded.
    pub(crate) async fn watch(self) -> Exit {
        if let Some(first) = &self.first {
            seek_first(self.root, first).await;
        }
        let mut samples = tokio::time::interval(SAMPLE_EVERY);
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0_u64.. {
            samples.tick().await;
            let usage = Usage::of_tree(self.root);
            if usage.memory_bytes > self.limits.memory_bytes {
                return Exit::MemoryLimit;
            }
            if usage.tasks > self.limits.processes.saturating_add(OWN_PROCESSES + SLACK_PROCESSES) {
                return Exit::ProcessLimit;
            }
            if number % DISK_EVERY_SAMPLES == 0 && self.disk_is_full().await {
                return Exit::DiskLimit;
            }
        }
        unreachable!("a count of samples does not run out")
    }

    async fn disk_is_full(&self) -> bool {
        let (folders, limits) = (Arc::clone(&self.writable), self.limits.clone());
        let measured = tokio::task::spawn_blocking(move || exceeds_disk(&folders, &limits)).await;
        measured.unwrap_or(false)
    }
}

/// Waits a little for the first process of the namespace of `root`, a child of this process.
pub(crate) async fn seek_first(root: u32, first: &First) {
    let mut ticks = tokio::time::interval(SEEK_EVERY);
    for _ in 0..SEEK_TIMES {
        ticks.tick().await;
        if first.get().is_some() {
            return;
        }
        if let Some(found) = children(root).first().and_then(|pid| open(*pid)) {
            let _ = first.set(Arc::new(found));
            return;
        }
    }
}

#[cfg(target_os = "linux")]
fn open(pid: u32) -> Option<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(_: u32) -> Option<OwnedFd> {
    None
}

#[derive(Debug, Default)]
struct Usage {
    tasks: u64,
    memory_bytes: u64,
}

impl Usage {
    /// Sums up all descendants of `root`. Pages that a `fork` shares count for both, files that are mapped for none.
    fn of_tree(root: u32) -> Self {
        let mut usage = Self::default();
        let mut pending = children(root);
        while let Some(pid) = pending.pop() {
            let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
            usage.tasks += threads as u64;
            usage.memory_bytes += resident_bytes(pid).unwrap_or(0);
            pending.extend(children(pid));
        }
        usage
    }
}

/// The children of all threads of `pid`. A process that has ended has none.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

fn resident_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = text.split_whitespace().skip(1).map(|word| word.parse::<u64>().unwrap_or(0));
    let (resident, shared) = (pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

/// Follows no link. Stops as soon as it knows, so that a folder of a million files costs no more than a full one.
pub(crate) fn exceeds_disk(folders: &[PathBuf], limits: &Limits) -> bool {
    let (mut files, mut bytes) = (0, 0);
    let mut pending: Vec<PathBuf> = folders.to_vec();
    while let Some(folder) = pending.pop() {
        // What vanishes while it is looked at takes no room.
        let _ = for_each_entry(&folder, |path, metadata| {
            files += 1;
            bytes += disk_bytes(metadata);
            if metadata.is_dir() {
                pending.push(path);
            }
            files <= limits.writable_files && bytes <= limits.writable_bytes
        });
        if files > limits.writable_files || bytes > limits.writable_bytes {
            return true;
        }
    }
    false
}

fn for_each_entry(folder: &Path, mut visit: impl FnMut(PathBuf, &fs::Metadata) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(metadata) = entry.metadata()
            && !visit(entry.path(), &metadata)
        {
            break;
        }
    }
    Ok(())
}

/// A file with holes takes less than its length.
fn disk_bytes(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;

    metadata.blocks() * 512
}
