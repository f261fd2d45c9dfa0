use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};
use ctutor_engine::client;

use super::Failure;
use crate::graphql::{
    id::NodeId,
    scalar::{DateTime, Json},
};

/// A unit of work outside the workflow code.
#[derive(Debug, Clone, Description)]
pub struct Activity(Arc<client::Activity>);

#[Object(use_type_description)]
impl Activity {
    /// Global id: `act_`, the run and the event that scheduled it.
    pub async fn id(&self) -> ID {
        NodeId::Activity(self.0.run_id, self.0.scheduled_event_id).into()
    }

    /// Its number in the run.
    async fn activity_id(&self) -> &str {
        &self.0.activity_id
    }

    /// Registered type.
    #[graphql(name = "type")]
    async fn activity_type(&self) -> &str {
        self.0.activity_type.as_str()
    }

    /// State.
    async fn status(&self) -> ActivityStatus {
        self.0.status.into()
    }

    /// Queue on which it waits for a worker.
    async fn task_queue(&self) -> &str {
        self.0.task_queue.as_str()
    }

    /// The present attempt, or the next one: 1, 2, 3…
    async fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Attempts allowed; null: no limit.
    async fn max_attempts(&self) -> Option<u32> {
        self.0.maximum_attempts
    }

    /// What it gets.
    async fn input(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Some(Json::answer(ctx, &self.0.input))
    }

    /// What it returned.
    async fn result(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.result.as_ref())
    }

    /// Why the last failed attempt failed.
    async fn last_failure(&self) -> Option<Failure> {
        self.0.last_failure.as_ref().map(Failure::from)
    }

    /// Put on the queue.
    async fn scheduled_at(&self) -> DateTime {
        self.0.scheduled_at.into()
    }

    /// This attempt began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// Next attempt.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime)
    }

    /// Ended.
    async fn closed_at(&self) -> Option<DateTime> {
        self.0.closed_at.map(DateTime)
    }

    /// Last report of this attempt.
    async fn heartbeat(&self) -> Option<Heartbeat<'_>> {
        self.0.heartbeat.as_ref().map(Heartbeat)
    }

    /// Name of the worker of this attempt.
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

/// Latest report of a running activity.
#[derive(Debug, Description)]
pub struct Heartbeat<'a>(&'a client::ActivityHeartbeat);

#[Object(use_type_description)]
impl Heartbeat<'_> {
    /// Counts the reports of this attempt.
    async fn sequence(&self) -> i64 {
        self.0.sequence
    }

    /// When it was made.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Share done, 0 to 1, when the activity tells.
    async fn progress(&self) -> Option<f64> {
        self.0.fraction()
    }

    /// Units done.
    async fn completed(&self) -> Option<f64> {
        self.0.completed
    }

    /// Units in all.
    async fn total(&self) -> Option<f64> {
        self.0.total
    }

    /// Text for people.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Anything else.
    async fn details(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.details.as_ref())
    }
}

/// State of an activity. Clients must expect new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ActivityStatus")]
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
