use std::time::Duration;

use crate::{ids::TaskQueue, retry::RetryPolicy};

/// Timeouts, retries and queue of an activity.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityOptions {
    /// Queue; the run's own when none is given.
    pub task_queue: Option<TaskQueue>,
    /// Longest wait for a worker.
    pub schedule_to_start: Option<Duration>,
    /// Longest time of one attempt.
    pub start_to_close: Option<Duration>,
    /// Longest time of all attempts together.
    pub schedule_to_close: Option<Duration>,
    /// Longest time between two heartbeats.
    pub heartbeat: Option<Duration>,
    /// When to try again.
    pub retry: RetryPolicy,
}

impl Default for ActivityOptions {
    /// One attempt may take ten minutes, and Temporal's default retries.
    fn default() -> Self {
        Self {
            task_queue: None,
            schedule_to_start: None,
            start_to_close: Some(Duration::from_secs(600)),
            schedule_to_close: None,
            heartbeat: None,
            retry: RetryPolicy::default(),
        }
    }
}
