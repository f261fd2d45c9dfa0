use std::time::Duration;

use crate::{ids::TaskQueue, workflow::DEFAULT_TASK_QUEUE};

/// Options of a worker.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Identity shown to people, such as `4711@host`.
    pub identity: String,
    /// Version of the program.
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
            identity: format!("{}@{}", std::process::id(), hostname()),
            build_id: env!("CARGO_PKG_VERSION").to_owned(),
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

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
