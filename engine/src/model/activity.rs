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
    /// Waiting for the next attempt.
    BackingOff,
    /// Completed with a result.
    Completed,
    /// Failed and not retried.
    Failed,
    /// Canceled.
    Canceled,
    /// Timed out and not retried.
    TimedOut,
}

/// One activity of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Run ID.
    pub run_id: RunId,
    /// ID of the event that scheduled it; identifies it within the run.
    pub scheduled_event_id: EventId,
    /// Activity ID.
    pub activity_id: String,
    /// Activity type.
    pub activity_type: ActivityType,
    /// Current status.
    pub status: ActivityStatus,
    /// Task queue on which it waits for a worker.
    pub task_queue: TaskQueue,
    /// Current attempt, or the next one if none is running: 1, 2, 3 ….
    pub attempt: u32,
    /// Maximum number of attempts; `None`: no limit.
    pub maximum_attempts: Option<u32>,
    /// Activity input.
    pub input: Payload,
    /// Result.
    pub result: Option<Payload>,
    /// Failure of the last failed attempt.
    pub last_failure: Option<Failure>,
    /// When it was scheduled.
    pub scheduled_at: Timestamp,
    /// When the current attempt started.
    pub started_at: Option<Timestamp>,
    /// When the next attempt may start.
    pub next_attempt_at: Option<Timestamp>,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Latest heartbeat.
    pub heartbeat: Option<ActivityHeartbeat>,
    /// Identity of the worker of the current attempt.
    pub worker_identity: Option<String>,
}

/// The latest heartbeat of a running activity.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityHeartbeat {
    /// Number of the heartbeat within the attempt.
    pub sequence: i64,
    /// When it was sent.
    pub at: Timestamp,
    /// Completed units.
    pub completed: Option<f64>,
    /// Total units.
    pub total: Option<f64>,
    /// Message for people.
    pub message: Option<String>,
    /// Other values for front ends.
    pub details: Option<Payload>,
}

impl ActivityHeartbeat {
    /// Completed fraction, from 0 to 1; `None` if the activity did not report a total.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        let (completed, total) = (self.completed?, self.total?);
        (total > 0.0).then(|| (completed / total).clamp(0.0, 1.0))
    }
}
