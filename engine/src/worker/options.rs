use std::time::Duration;

use crate::{ids::TaskQueue, workflow::DEFAULT_TASK_QUEUE};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its name for people, such as `4711@host`.
    pub identity: String,
    /// The version that it runs.
    pub build_id: String,
    /// The queues that it serves. When several have something due, the earlier ones come first.
    pub task_queues: Vec<TaskQueue>,
    /// Most activities at once.
    pub activity_slots: usize,
    /// Most runs at hand at once.
    pub runs_max: usize,
    /// Longest time without a look for due tasks; hints make the usual wait far shorter.
    pub poll_interval: Duration,
    /// How long others must wait before they take what a lost worker held.
    pub lease_duration: Duration,
    /// How often leases are renewed.
    pub lease_renewal_interval: Duration,
    /// A run that waits for no more than this is kept at hand.
    pub sticky_wait_max: Duration,
    /// How long activities may go on after the worker was asked to stop.
    pub grace_period: Duration,
    /// A run that would have more events than this is terminated.
    pub history_events_max: i64,
    /// A run whose events would take more than this is terminated.
    pub history_size_bytes_max: usize,
    /// Shortest time between two progress messages of one activity.
    pub progress_interval: Duration,
    /// Shortest time between two stored samples of the progress of one activity.
    pub progress_sample_interval: Duration,
    /// An activity that was canceled and has not returned by then is dropped.
    pub cancel_grace_period: Duration,
    /// Code that runs longer than this without waiting is reported as blocked.
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
