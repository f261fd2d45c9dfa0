use std::{any::Any, collections::HashMap, fmt, marker::PhantomData, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

use super::ActivityError;
use crate::{
    clock::{Clock, Timestamp},
    failure::MESSAGE_BYTES_MAX,
    ids::{ActivityType, Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    payload::{self, Payload},
};

/// How far an activity is; for display, merged when reported faster than anyone reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Units done.
    pub completed: f64,
    /// Units in all; 0 when unknown.
    pub total: f64,
    /// What it is doing, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Anything else a front end may show, such as a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Payload>,
}

impl Progress {
    /// Share done, from 0 to 1; `None` when the total is unknown.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.completed / self.total).clamp(0.0, 1.0))
    }
}

/// The facts of one attempt.
#[derive(Debug, Clone)]
pub struct ActivityInfo {
    /// The namespace of the run.
    pub namespace: Namespace,
    /// The workflow that asked for the activity.
    pub workflow_id: WorkflowId,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Its run.
    pub run_id: RunId,
    /// Number of the activity in the run.
    pub activity_id: String,
    /// Its type.
    pub activity_type: ActivityType,
    /// The queue it came from.
    pub task_queue: TaskQueue,
    /// Which attempt: 1, 2, 3 ….
    pub attempt: u32,
    /// When this attempt began.
    pub started_at: Timestamp,
    /// When this attempt must have ended.
    pub deadline: Option<Timestamp>,
}

/// What a heartbeat carries to the worker.
#[derive(Debug, Clone)]
pub(crate) enum Heartbeat {
    /// Kept: the next attempt resumes from it.
    Checkpoint(Payload),
    /// Shown: only the latest counts.
    Progress(Progress),
    /// Only a sign of life.
    Alive,
    /// The activity cannot go on: what it wants to keep cannot be kept.
    Unusable(ActivityError),
}

/// Where heartbeats go. Must not block.
pub(crate) trait HeartbeatSink: Send + Sync {
    fn heartbeat(&self, heartbeat: Heartbeat);
}

/// What an activity may ask of the worker; `C` is what it remembers from one attempt to the next.
pub struct ActivityContext<C = ()> {
    pub(crate) info: Arc<ActivityInfo>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) canceled: CancellationToken,
    pub(crate) sink: Arc<dyn HeartbeatSink>,
    pub(crate) last_checkpoint: Option<Payload>,
    pub(crate) resources: Arc<Resources>,
    pub(crate) checkpoint: PhantomData<fn(C)>,
}

impl<C> fmt::Debug for ActivityContext<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityContext").field("info", &self.info).finish_non_exhaustive()
    }
}

impl ActivityContext<()> {
    /// The same context for an activity that remembers a `C`.
    pub(crate) fn typed<C>(self) -> ActivityContext<C> {
        let Self { info, clock, canceled, sink, last_checkpoint, resources, checkpoint: _ } = self;
        ActivityContext { info, clock, canceled, sink, last_checkpoint, resources, checkpoint: PhantomData }
    }
}

impl<C: Serialize + DeserializeOwned> ActivityContext<C> {
    /// The facts of this attempt.
    #[must_use]
    pub fn info(&self) -> &ActivityInfo {
        &self.info
    }

    /// What the attempt before this one kept last; `None` in the first attempt, or when it cannot be read.
    #[must_use]
    pub fn resume(&self) -> Option<C> {
        self.last_checkpoint.as_ref().and_then(|payload| payload.decode().ok())
    }

    /// Keeps a value for the next attempt, and reports a sign of life.
    ///
    /// It is stored soon after; [`Self::resume`] of the next attempt gives the last one that was.
    /// A value without a JSON form, or with one larger than [`payload::SIZE_BYTES_MAX`], fails the activity for good.
    pub fn checkpoint(&self, value: &C) -> &Self {
        self.sink.heartbeat(match checked_checkpoint(value) {
            Ok(payload) => Heartbeat::Checkpoint(payload),
            Err(error) => Heartbeat::Unusable(error),
        });
        self
    }

    /// Tells those who watch how far it is, and reports a sign of life.
    pub fn progress(&self, completed: f64, total: f64, message: impl Into<String>) -> &Self {
        self.report(Progress { completed, total, message: message.into(), details: None })
    }

    /// As [`Self::progress`], with details for front ends.
    pub fn report(&self, progress: Progress) -> &Self {
        let Progress { completed, total, mut message, details } = progress;
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        // Progress is for display only, so what is too large for it is left out.
        let details = details.filter(|details| details.check_size("details").is_ok());
        self.sink.heartbeat(Heartbeat::Progress(Progress { completed, total, message, details }));
        self
    }

    /// Reports a sign of life.
    pub fn heartbeat(&self) -> &Self {
        self.sink.heartbeat(Heartbeat::Alive);
        self
    }

    /// Waits, but ends early when the activity is asked to stop.
    ///
    /// # Errors
    /// [`Canceled`], which `?` turns into the fitting [`ActivityError`].
    pub async fn sleep(&self, length: Duration) -> Result<(), Canceled> {
        let due = self.clock.now() + length;
        tokio::select! {
            biased;
            () = self.canceled.cancelled() => Err(Canceled),
            () = self.clock.sleep_until(due) => Ok(()),
        }
    }

    /// Ends when the activity is asked to stop.
    pub async fn cancelled(&self) {
        self.canceled.cancelled().await;
    }

    /// Whether the activity was asked to stop.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.canceled.is_cancelled()
    }

    /// A token that is canceled when the activity is asked to stop, to hand to libraries.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.canceled.clone()
    }

    /// The time now, of the worker's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A resource that was registered with the worker, such as a connection pool.
    ///
    /// # Errors
    /// A non-retryable [`ActivityError`] that names the type when the worker has none.
    pub fn resource<T: Any + Send + Sync>(&self) -> Result<Arc<T>, ActivityError> {
        self.resources.get::<T>().ok_or_else(|| {
            let name = std::any::type_name::<T>();
            ActivityError::non_retryable("MissingResource", format!("this worker has no resource `{name}`"))
        })
    }
}

fn checked_checkpoint<C: Serialize>(value: &C) -> Result<Payload, ActivityError> {
    let payload = Payload::encode(value)
        .map_err(|error| ActivityError::non_retryable("Payload", format!("a checkpoint: {error}")))?;
    payload
        .check_size("a checkpoint")
        .map_err(|error| ActivityError::non_retryable(payload::TOO_LARGE, error.to_string()))?;
    Ok(payload)
}

/// The activity was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canceled;

impl From<Canceled> for ActivityError {
    fn from(Canceled: Canceled) -> Self {
        Self::canceled()
    }
}

/// What workers lend to activities, by type.
#[derive(Default)]
pub(crate) struct Resources(HashMap<std::any::TypeId, Arc<dyn Any + Send + Sync>>);

impl Resources {
    pub(crate) fn insert<T: Any + Send + Sync>(&mut self, resource: Arc<T>) {
        self.0.insert(std::any::TypeId::of::<T>(), resource);
    }

    fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.get(&std::any::TypeId::of::<T>()).cloned().and_then(|resource| resource.downcast().ok())
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resources({})", self.0.len())
    }
}
