//! Activities of runs.

use crate::{
    clock::Timestamp,
    failure::Failure,
    ids::{ActivityType, EventId, RunId, TaskQueue},
    payload::Payload,
};

/// State of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivityStatus {
    /// Waiting for a worker.
    Scheduled,
    /// Running.
    Started,
    /// Waiting for the next try.
    BackingOff,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
    /// Stopped.
    Canceled,
    /// Ran out of time for good.
    TimedOut,
}

/// One activity of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The run.
    pub run_id: RunId,
    /// The event that scheduled it; with the run, its identity.
    pub scheduled_event_id: EventId,
    /// Its number in the run.
    pub activity_id: String,
    /// The code.
    pub activity_type: ActivityType,
    /// State.
    pub status: ActivityStatus,
    /// Where it waits for a worker.
    pub task_queue: TaskQueue,
    /// The present attempt, or the next: 1, 2, 3 ….
    pub attempt: u32,
    /// Attempts in all; `None`: no limit.
    pub maximum_attempts: Option<u32>,
    /// What it gets.
    pub input: Payload,
    /// What it returned.
    pub result: Option<Payload>,
    /// Why the last failed attempt failed.
    pub last_failure: Option<Failure>,
    /// Put on the queue.
    pub scheduled_at: Timestamp,
    /// This attempt began.
    pub started_at: Option<Timestamp>,
    /// Next attempt.
    pub next_attempt_at: Option<Timestamp>,
    /// Ended.
    pub closed_at: Option<Timestamp>,
    /// Last report from the worker.
    pub heartbeat: Option<ActivityHeartbeat>,
    /// The worker of this attempt.
    pub worker_identity: Option<String>,
}

/// The latest report of a running activity.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityHeartbeat {
    /// Counts the reports of this attempt.
    pub sequence: i64,
    /// When it was made.
    pub at: Timestamp,
    /// Units done.
    pub completed: Option<f64>,
    /// Units in all.
    pub total: Option<f64>,
    /// For people.
    pub message: Option<String>,
    /// Anything else.
    pub details: Option<Payload>,
}

impl ActivityHeartbeat {
    /// Share done, 0 to 1, when the activity told.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        let (completed, total) = (self.completed?, self.total?);
        (total > 0.0).then(|| (completed / total).clamp(0.0, 1.0))
    }
}
