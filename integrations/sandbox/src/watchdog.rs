//! Watches what limits of single processes cannot: memory and number of all together, and the disk.
//!
//! It also holds the first process of the command's process namespace. When that one has ended, the kernel has ended
//! all others before it: only then is a command really over.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::MissedTickBehavior;

use crate::{
    Exit, Limits,
    confinement::OWN_PROCESSES,
    disk::{self, Breach},
    usage,
};

const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// Until the first process is seen. It appears about a millisecond after the start.
const SEEK_EVERY: Duration = Duration::from_millis(1);
const SEEK_TIMES: u32 = 100;
const DISK_EVERY_SAMPLES: u64 = 10;
/// The limit of the kernel answers the program's `fork` and is to be met first.
const SLACK_PROCESSES: u64 = 6;

/// The first process of the namespace, once it is known.
pub(crate) type First = Arc<OnceLock<Arc<OwnedFd>>>;

/// What was exceeded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Excess {
    Memory,
    Processes,
    Disk(Breach),
}

impl From<Excess> for Exit {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Memory => Self::MemoryLimit,
            Excess::Processes => Self::ProcessLimit,
            Excess::Disk(_) => Self::DiskLimit,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Watchdog {
    /// The child that this process started.
    pub(crate) root: u32,
    /// Nothing to look for where the command has no namespace.
    pub(crate) first: Option<First>,
    pub(crate) limits: Limits,
    pub(crate) writable: Arc<[PathBuf]>,
    /// Set when the command had as many processes as it may have.
    pub(crate) crowded: Arc<AtomicBool>,
}

impl Watchdog {
    /// Answers only when a limit is exceeded.
    pub(crate) async fn watch(self) -> Excess {
        if let Some(first) = &self.first {
            seek_first(self.root, first).await;
        }
        let mut samples = tokio::time::interval(SAMPLE_EVERY);
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0_u64.. {
            samples.tick().await;
            let watchdog = self.clone();
            let sampled = tokio::task::spawn_blocking(move || watchdog.sample(number)).await;
            if let Ok(Some(excess)) = sampled {
                return excess;
            }
        }
        unreachable!("a count of samples does not run out")
    }

    fn sample(&self, number: u64) -> Option<Excess> {
        let processes = usage::processes(self.root);
        let tasks: usize = processes.iter().map(|process| process.threads.len()).sum();
        let tasks_max = self.limits.processes.saturating_add(OWN_PROCESSES);
        if tasks as u64 >= tasks_max {
            self.crowded.store(true, Ordering::Relaxed);
        }
        if tasks as u64 > tasks_max.saturating_add(SLACK_PROCESSES) {
            return Some(Excess::Processes);
        }
        if usage::memory_bytes(&processes, self.limits.memory_bytes) > self.limits.memory_bytes {
            return Some(Excess::Memory);
        }
        if !number.is_multiple_of(DISK_EVERY_SAMPLES) {
            return None;
        }
        disk::breach(&self.writable, &self.limits, &processes).map(Excess::Disk)
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
        if let Some(found) = usage::first_child(root).and_then(open) {
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
