//! Watches what limits of single processes cannot: the time, memory and number of all together, and the disk.
//!
//! It is a thread of its own, so a busy runtime does not delay it.
//! It also holds the first process of the command's process namespace. When that one has ended, the kernel has ended
//! all others before it: only then is a command really over.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    Exit, Limits,
    confinement::OWN_PROCESSES,
    disk::{self, Breach},
    kernel_memory,
    running_time::RunningTime,
    usage::{self, Process},
};

/// How often is looked while the command is far from its memory limit, and when it is near.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);
const SAMPLE_EVERY_NEAR: Duration = Duration::from_millis(4);
/// Looking may take this part of the time at most.
const SAMPLE_SHARE: u32 = 4;
/// Until the first process is seen. It appears about a millisecond after the start.
const SEEK_EVERY: Duration = Duration::from_millis(1);
const SEEK_TIMES: u32 = 100;
/// How often the memory of the kernel is looked at.
const KERNEL_EVERY: Duration = Duration::from_millis(100);
const DISK_EVERY: Duration = Duration::from_millis(200);
/// The limit of the kernel makes the program's `fork` fail, and should be reached first.
const SLACK_PROCESSES: u64 = 6;

/// The first process of the namespace, once it is known.
pub(crate) type First = Arc<OnceLock<Arc<OwnedFd>>>;

/// What was exceeded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Excess {
    Time,
    Memory,
    Processes,
    Disk(Breach),
}

impl From<Excess> for Exit {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Time => Self::TimedOut,
            Excess::Memory => Self::MemoryLimit,
            Excess::Processes => Self::ProcessLimit,
            Excess::Disk(_) => Self::DiskLimit,
        }
    }
}

/// What was seen of a command besides an excess.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// It had as many processes as it may have.
    pub(crate) crowded: AtomicBool,
    /// A process used up its processor time.
    pub(crate) cpu_spent: AtomicBool,
}

pub(crate) struct Watchdog {
    /// The child that this process started.
    pub(crate) root: u32,
    /// Nothing to look for where the command has no namespace.
    pub(crate) first: Option<First>,
    pub(crate) limits: Limits,
    pub(crate) writable: Vec<PathBuf>,
    pub(crate) time: Arc<RunningTime>,
    pub(crate) seen: Arc<Seen>,
}

/// A watchdog at work. Dropping it stops it.
pub(crate) struct Watch {
    pub(crate) excess: oneshot::Receiver<Excess>,
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Watchdog {
    pub(crate) fn start(self) -> std::io::Result<Watch> {
        let (bark, excess) = oneshot::channel();
        let stop = Arc::<Stop>::default();
        let watch = Watch { excess, stop: Arc::clone(&stop) };
        std::thread::Builder::new().name("sandbox-watchdog".into()).spawn(move || {
            if let Some(excess) = self.watch(&stop) {
                // Nobody listens when the command has ended meanwhile.
                let _ = bark.send(excess);
            }
        })?;
        Ok(watch)
    }

    /// Returns the first excess, or none when it was stopped.
    fn watch(&self, stop: &Stop) -> Option<Excess> {
        for _ in 0..SEEK_TIMES {
            if self.first.as_ref().is_none_or(|first| seek_first(self.root, first)) || stop.wait(SEEK_EVERY) {
                break;
            }
        }
        let (mut disk_at, mut kernel_at) = (Instant::now(), Instant::now());
        let mut kernel_bytes = 0;
        let mut pause = Duration::ZERO;
        while !stop.wait(pause) {
            let began = Instant::now();
            let processes = usage::processes(self.root);
            if self.time.sample(&processes) > self.limits.wall {
                return Some(Excess::Time);
            }
            if began >= kernel_at {
                kernel_bytes = self.kernel_bytes(&processes);
                kernel_at = Instant::now() + KERNEL_EVERY.max(began.elapsed() * SAMPLE_SHARE);
            }
            let memory_bytes = match self.sample(&processes, kernel_bytes) {
                Ok(memory_bytes) => memory_bytes,
                Err(excess) => return Some(excess),
            };
            let is_near = memory_bytes > self.limits.memory_bytes / 2;
            pause = if is_near { SAMPLE_EVERY_NEAR } else { SAMPLE_EVERY };
            pause = pause.max(began.elapsed() * SAMPLE_SHARE);
            if began >= disk_at {
                let disk_began = Instant::now();
                if let Some(breach) = disk::breach(&self.writable, &self.limits, &processes) {
                    return Some(Excess::Disk(breach));
                }
                disk_at = Instant::now() + DISK_EVERY.max(disk_began.elapsed() * SAMPLE_SHARE);
            }
        }
        None
    }

    /// Where the command has no namespaces, those of the machine would count.
    fn kernel_bytes(&self, processes: &[Process]) -> u64 {
        processes.first().filter(|_| self.first.is_some()).map_or(0, kernel_memory::bytes)
    }

    /// Returns the memory that is in use.
    fn sample(&self, processes: &[Process], kernel_bytes: u64) -> Result<u64, Excess> {
        let tasks: usize = processes.iter().map(|process| process.threads.len()).sum();
        let tasks_max = self.limits.processes.saturating_add(OWN_PROCESSES);
        if tasks as u64 >= tasks_max {
            self.seen.crowded.store(true, Ordering::Relaxed);
        }
        if tasks as u64 > tasks_max.saturating_add(SLACK_PROCESSES) {
            return Err(Excess::Processes);
        }
        if processes.iter().any(|process| process.own_cpu() >= self.limits.cpu) {
            self.seen.cpu_spent.store(true, Ordering::Relaxed);
        }
        let enough = (self.limits.memory_bytes / 2).saturating_sub(kernel_bytes);
        let memory_bytes = usage::memory_bytes(processes, enough).saturating_add(kernel_bytes);
        if memory_bytes > self.limits.memory_bytes { Err(Excess::Memory) } else { Ok(memory_bytes) }
    }
}

impl Stop {
    /// Waits for so long, and tells whether it was stopped.
    fn wait(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
    }
}

/// Waits a little for the first process of the namespace of `root`, a child of this process.
pub(crate) async fn await_first(root: u32, first: &First) {
    let mut ticks = tokio::time::interval(SEEK_EVERY);
    for _ in 0..SEEK_TIMES {
        ticks.tick().await;
        if seek_first(root, first) {
            return;
        }
    }
}

/// Whether the first process of the namespace is known.
fn seek_first(root: u32, first: &First) -> bool {
    if first.get().is_none()
        && let Some(found) = usage::first_child(root).and_then(open)
    {
        let _ = first.set(Arc::new(found));
    }
    first.get().is_some()
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
