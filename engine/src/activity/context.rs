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

/// Progress of an activity, for display; only the latest is kept if it is reported faster than it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Units done.
    pub completed: f64,
    /// Total units; 0 if unknown.
    pub total: f64,
    /// Message for people, such as the current step.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Other values that a front end may show, such as a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Payload>,
}

impl Progress {
    /// Completed fraction, from 0 to 1; `None` if the total is unknown.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.completed / self.total).clamp(0.0, 1.0))
    }
}

/// Information about one attempt.
#[derive(Debug, Clone)]
pub struct ActivityInfo {
    /// The namespace of the run.
    pub namespace: Namespace,
    /// Workflow ID of the workflow that scheduled the activity.
    pub workflow_id: WorkflowId,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Its run.
    pub run_id: RunId,
    /// Activity ID within the run.
    pub activity_id: String,
    /// Its type.
    pub activity_type: ActivityType,
    /// Task queue that it waited on.
    pub task_queue: TaskQueue,
    /// Number of the attempt: 1, 2, 3 ….
    pub attempt: u32,
    /// When this attempt started.
    pub started_at: Timestamp,
    /// When this attempt times out.
    pub deadline: Option<Timestamp>,
}

/// Content of a heartbeat.
#[derive(Debug, Clone)]
pub(crate) enum Heartbeat {
    /// A checkpoint: stored, and the next attempt resumes from it.
    Checkpoint(Payload),
    /// Progress for display: only the latest is shown.
    Progress(Progress),
    /// Nothing but the fact that the activity is alive.
    Alive,
    /// A checkpoint that cannot be stored, which fails the activity.
    Unusable(ActivityError),
}

/// Receives heartbeats. Must not block.
pub(crate) trait HeartbeatSink: Send + Sync {
    fn heartbeat(&self, heartbeat: Heartbeat);
}

/// Interface of an activity to its worker; `C` is the type of its checkpoints.
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
    /// The same context with checkpoints of type `C`.
    pub(crate) fn typed<C>(self) -> ActivityContext<C> {
        let Self { info, clock, canceled, sink, last_checkpoint, resources, checkpoint: _ } = self;
        ActivityContext { info, clock, canceled, sink, last_checkpoint, resources, checkpoint: PhantomData }
    }
}

impl<C: Serialize + DeserializeOwned> ActivityContext<C> {
    /// Information about this attempt.
    #[must_use]
    pub fn info(&self) -> &ActivityInfo {
        &self.info
    }

    /// Last checkpoint of the previous attempts; `None` if there is none or it cannot be read.
    #[must_use]
    pub fn resume(&self) -> Option<C> {
        self.last_checkpoint.as_ref().and_then(|payload| payload.decode().ok())
    }

    /// Stores a checkpoint for the next attempt; also counts as a heartbeat.
    ///
    /// It is stored soon afterwards; [`Self::resume`] of the next attempt returns the last stored one.
    /// A value that cannot be written as JSON, or is larger than [`payload::SIZE_BYTES_MAX`], fails the activity without retry.
    pub fn checkpoint(&self, value: &C) -> &Self {
        self.sink.heartbeat(match checked_checkpoint(value) {
            Ok(payload) => Heartbeat::Checkpoint(payload),
            Err(error) => Heartbeat::Unusable(error),
        });
        self
    }

    /// Reports progress to watchers; also counts as a heartbeat.
    pub fn progress(&self, completed: f64, total: f64, message: impl Into<String>) -> &Self {
        self.report(Progress { completed, total, message: message.into(), details: None })
    }

    /// As [`Self::progress`], with details for front ends.
    pub fn report(&self, progress: Progress) -> &Self {
        let Progress { completed, total, mut message, details } = progress;
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        // Progress is for display only, so details that are too large are omitted.
        let details = details.filter(|details| details.check_size("details").is_ok());
        self.sink.heartbeat(Heartbeat::Progress(Progress { completed, total, message, details }));
        self
    }

    /// Sends a heartbeat.
    pub fn heartbeat(&self) -> &Self {
        self.sink.heartbeat(Heartbeat::Alive);
        self
    }

    /// Waits; returns early if cancellation is requested.
    ///
    /// # Errors
    /// [`Canceled`], which `?` converts into the matching [`ActivityError`].
    pub async fn sleep(&self, length: Duration) -> Result<(), Canceled> {
        let due = self.clock.now() + length;
        tokio::select! {
            biased;
            () = self.canceled.cancelled() => Err(Canceled),
            () = self.clock.sleep_until(due) => Ok(()),
        }
    }

    /// Returns when cancellation is requested.
    pub async fn cancelled(&self) {
        self.canceled.cancelled().await;
    }

    /// Whether cancellation was requested.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.canceled.is_cancelled()
    }

    /// A token for libraries that is canceled when cancellation is requested.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.canceled.clone()
    }

    /// Current time of the worker's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A resource that was registered with the worker, such as a connection pool.
    ///
    /// # Errors
    /// A non-retryable [`ActivityError`] that names the type if the worker has no such resource.
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

/// Cancellation of the activity was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canceled;

impl From<Canceled> for ActivityError {
    fn from(Canceled: Canceled) -> Self {
        Self::canceled()
    }
}

/// Resources that a worker gives to activities, by type.
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
