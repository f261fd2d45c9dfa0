use std::time::Duration;

use crate::{host, ids::TaskQueue, workflow::DEFAULT_TASK_QUEUE};

/// Options of a worker.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Identity shown to people, such as `4711@host`.
    pub identity: String,
    /// Build ID: names the build of the workflow code, and is recorded with what that code schedules. Two builds whose
    /// workflow code differs must not share one. Default: version of the engine and begin of the build ID that the
    /// linker gave the executable, such as `0.1.0+b1a4a9d9cf8d`.
    pub build_id: String,
    /// Task queues that it serves, in strict order: tasks of an earlier queue are taken first.
    pub task_queues: Vec<TaskQueue>,
    /// Maximum number of concurrent activities.
    pub activity_slots: usize,
    /// Maximum number of runs in memory.
    pub runs_max: usize,
    /// Maximum interval between two looks for due tasks; hints usually make it much shorter.
    pub poll_interval: Duration,
    /// How long a lease lasts; after that, other workers take over what a lost worker held.
    pub lease_duration: Duration,
    /// How often leases are renewed.
    pub lease_renewal_interval: Duration,
    /// A run that waits for no longer than this stays in memory.
    pub sticky_wait_max: Duration,
    /// How long activities may continue after the worker was told to stop.
    pub grace_period: Duration,
    /// Maximum number of events of a run; a run that would exceed it is terminated.
    pub history_events_max: i64,
    /// Maximum size of the history of a run; a run that would exceed it is terminated.
    pub history_size_bytes_max: usize,
    /// Minimum interval between two progress messages of one activity.
    pub progress_interval: Duration,
    /// Minimum interval between two stored progress samples of one activity.
    pub progress_sample_interval: Duration,
    /// How long a canceled activity may take to return; after that it is dropped.
    pub cancel_grace_period: Duration,
    /// Workflow code that runs longer than this without waiting is reported as blocking.
    pub deadlock_timeout: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            identity: format!("{}@{}", std::process::id(), host::name()),
            build_id: build_id(),
            task_queues: vec![TaskQueue::trusted(DEFAULT_TASK_QUEUE)],
            activity_slots: 100,
            runs_max: 1_000,
            poll_interval: Duration::from_secs(1),
            lease_duration: Duration::from_secs(8),
            lease_renewal_interval: Duration::from_secs(1),
            sticky_wait_max: Duration::from_millis(200),
            grace_period: Duration::from_secs(10),
            // Both as in Temporal, whose limit of events is 51,200.
            history_events_max: 50_000,
            history_size_bytes_max: 50 * 1024 * 1024,
            progress_interval: Duration::from_millis(100),
            progress_sample_interval: Duration::from_secs(1),
            cancel_grace_period: Duration::from_secs(30),
            deadlock_timeout: Duration::from_secs(1),
        }
    }
}

/// The linker's build ID changes with the code; without one (`-Wl,--build-id` is off) only the version is told.
fn build_id() -> String {
    const SHOWN_BYTES: usize = 6;
    let version = env!("CARGO_PKG_VERSION");
    let Some(linked) = buildid::build_id() else { return version.to_owned() };
    let shown = linked.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{version}+{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_id_tells_the_build_of_this_executable() {
        let build_id = WorkerOptions::default().build_id;
        let (version, linked) = build_id.split_once('+').expect("the linker gives test programs a build ID");
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        assert!(linked.len() == 12 && linked.bytes().all(|b| b.is_ascii_hexdigit()), "{build_id}");
    }
}
