use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};
use ctutor_engine::client;

use super::Failure;
use crate::graphql::{
    id::NodeId,
    scalar::{DateTime, Json},
};

/// An activity of a run: a step whose code may read files, call services and fail.
#[derive(Debug, Clone, Description)]
pub struct Activity(Arc<client::Activity>);

#[Object(use_type_description)]
impl Activity {
    /// Global ID: `act_` followed by the run and the event that scheduled the activity.
    pub async fn id(&self) -> ID {
        NodeId::Activity(self.0.run_id, self.0.scheduled_event_id).into()
    }

    /// ID of the activity within its run.
    async fn activity_id(&self) -> &str {
        &self.0.activity_id
    }

    /// Activity type, as registered by workers.
    #[graphql(name = "type")]
    async fn activity_type(&self) -> &str {
        self.0.activity_type.as_str()
    }

    /// Current state of the activity.
    async fn status(&self) -> ActivityStatus {
        self.0.status.into()
    }

    /// Task queue on which the activity waits for a worker.
    async fn task_queue(&self) -> &str {
        self.0.task_queue.as_str()
    }

    /// Number of the current or next attempt, starting at 1.
    async fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Maximum number of attempts; null means no limit.
    async fn max_attempts(&self) -> Option<u32> {
        self.0.maximum_attempts
    }

    /// Input of the activity.
    async fn input(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Some(Json::answer(ctx, &self.0.input))
    }

    /// Result of the activity; null until it has completed.
    async fn result(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.result.as_ref())
    }

    /// Failure of the most recent failed attempt.
    async fn last_failure(&self) -> Option<Failure> {
        self.0.last_failure.as_ref().map(Failure::from)
    }

    /// When the workflow scheduled the activity (UTC).
    async fn scheduled_at(&self) -> DateTime {
        self.0.scheduled_at.into()
    }

    /// When the current attempt started (UTC); null while it waits for a worker.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When the next attempt is due (UTC); null if no retry is pending.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime)
    }

    /// When the activity ended (UTC); null while it is open.
    async fn closed_at(&self) -> Option<DateTime> {
        self.0.closed_at.map(DateTime)
    }

    /// Latest heartbeat of the current attempt.
    async fn heartbeat(&self) -> Option<Heartbeat<'_>> {
        self.0.heartbeat.as_ref().map(Heartbeat)
    }

    /// Identity of the worker that runs the current attempt.
    async fn worker_identity(&self) -> Option<&str> {
        self.0.worker_identity.as_deref()
    }
}

impl Activity {
    /// The view of the engine.
    pub(in crate::graphql) fn get(&self) -> &client::Activity {
        &self.0
    }
}

impl From<client::Activity> for Activity {
    fn from(activity: client::Activity) -> Self {
        Self(Arc::new(activity))
    }
}

/// Progress that a running activity reported.
#[derive(Debug, Description)]
pub struct Heartbeat<'a>(&'a client::ActivityHeartbeat);

#[Object(use_type_description)]
impl Heartbeat<'_> {
    /// Number of this heartbeat within the attempt, starting at 1.
    async fn sequence(&self) -> i64 {
        self.0.sequence
    }

    /// When the activity sent the heartbeat (UTC).
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Completed share from 0 to 1; null if the activity does not report it.
    async fn progress(&self) -> Option<f64> {
        self.0.fraction()
    }

    /// Completed units of work.
    async fn completed(&self) -> Option<f64> {
        self.0.completed
    }

    /// Total units of work.
    async fn total(&self) -> Option<f64> {
        self.0.total
    }

    /// Progress message for people.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Additional data from the activity.
    async fn details(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.details.as_ref())
    }
}

/// State of an activity. New values may be added, so handle unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ActivityStatus")]
pub enum ActivityStatus {
    /// Waits for a worker.
    Scheduled,
    /// A worker runs it.
    Started,
    /// An attempt failed; waits for the next one.
    BackingOff,
    /// Returned a result.
    Completed,
    /// Failed and will not be retried.
    Failed,
    /// Ended after a cancel request.
    Canceled,
    /// Exceeded a timeout and will not be retried.
    TimedOut,
}
