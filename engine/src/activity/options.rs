use std::time::Duration;

use crate::{ids::TaskQueue, retry::RetryPolicy};

/// Timeouts, retries and queue of an activity.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityOptions {
    /// Task queue; default: the task queue of the run.
    pub task_queue: Option<TaskQueue>,
    /// Schedule-to-start timeout: longest wait for a worker.
    pub schedule_to_start: Option<Duration>,
    /// Start-to-close timeout: longest duration of one attempt.
    pub start_to_close: Option<Duration>,
    /// Schedule-to-close timeout: longest duration of all attempts together.
    pub schedule_to_close: Option<Duration>,
    /// Heartbeat timeout: longest time between two heartbeats.
    pub heartbeat: Option<Duration>,
    /// Whether and when a failed attempt is retried.
    pub retry: RetryPolicy,
    /// Whether an attempt may start while the step that schedules it is being committed, in the process that commits it.
    ///
    /// That saves the activity one commit. If the step is refused, the code has run though the history does not say so,
    /// and it may run again with another input: only for activities whose author knows that this harms nobody. An
    /// activity that may run at most once never starts early.
    pub early: bool,
}

impl Default for ActivityOptions {
    /// A start-to-close timeout of ten minutes, and Temporal's default retry policy.
    fn default() -> Self {
        Self {
            task_queue: None,
            schedule_to_start: None,
            start_to_close: Some(Duration::from_secs(600)),
            schedule_to_close: None,
            heartbeat: None,
            retry: RetryPolicy::default(),
            early: false,
        }
    }
}
