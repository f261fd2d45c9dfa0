//! Runs.

use std::time::Duration;

use super::{WorkflowCursor, WorkflowOrderField};

use crate::{
    clock::Timestamp,
    failure::Failure,
    ids::{Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    payload::Payload,
};

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkflowStatus {
    /// Accepted, no task started.
    Pending,
    /// In progress.
    Running,
    /// In progress, and asked to stop.
    Canceling,
    /// Returned.
    Completed,
    /// Raised an error.
    Failed,
    /// Stopped because it was asked to.
    Canceled,
    /// Stopped from outside.
    Terminated,
    /// Ran out of time.
    TimedOut,
    /// Went on as a new run.
    ContinuedAsNew,
}

impl WorkflowStatus {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Running,
        Self::Canceling,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::TimedOut,
        Self::ContinuedAsNew,
    ];

    /// The name as stored and shown: `TIMED_OUT`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Canceling => "CANCELING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Terminated => "TERMINATED",
            Self::TimedOut => "TIMED_OUT",
            Self::ContinuedAsNew => "CONTINUED_AS_NEW",
        }
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Canceling)
    }
}

/// One run, as its row says.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowExecution {
    /// The run.
    pub run_id: RunId,
    /// Its namespace.
    pub namespace: Namespace,
    /// The caller's name for it.
    pub workflow_id: WorkflowId,
    /// The code.
    pub workflow_type: WorkflowType,
    /// Where its tasks go.
    pub task_queue: TaskQueue,
    /// Higher first.
    pub priority: i32,
    /// State.
    pub status: WorkflowStatus,
    /// Subject of the token that started it.
    pub owner: Option<String>,
    /// What it was started with.
    pub input: Payload,
    /// What it returned.
    pub result: Option<Payload>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Free notes; a JSON object.
    pub memo: Payload,
    /// Named values for search; a JSON object.
    pub search_attributes: Payload,
    /// Accepted.
    pub created_at: Timestamp,
    /// Not handed to a worker before.
    pub start_at: Option<Timestamp>,
    /// First task began.
    pub started_at: Option<Timestamp>,
    /// Ended.
    pub closed_at: Option<Timestamp>,
    /// Longest time it may take.
    pub execution_timeout: Option<Duration>,
    /// Events recorded so far.
    pub history_length: i64,
    /// The worker that held it last.
    pub worker_identity: Option<String>,
}

/// The workflow task of an open run that a worker could not do, and when it is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockedWorkflowTask {
    /// Failed tries so far.
    pub attempt: u32,
    /// Why the last one failed.
    pub failure: Failure,
    /// When it is tried again.
    pub next_attempt_at: Timestamp,
}

/// Names a run: one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowTarget {
    /// A certain run.
    Run(RunId),
    /// The latest run of a workflow id.
    Workflow(WorkflowId),
}

/// A cancellation or termination that was accepted.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// The run after it.
    pub execution: WorkflowExecution,
    /// False when the run had ended before, or was asked to stop before, and nothing changed.
    pub changed: bool,
}

impl WorkflowExecution {
    /// Its place in a list of this order.
    #[must_use]
    pub fn cursor(&self, field: WorkflowOrderField) -> WorkflowCursor {
        let key = match field {
            WorkflowOrderField::CreatedAt => self.created_at.0,
            WorkflowOrderField::ClosedAt => self.closed_at.map_or(i64::MAX, |at| at.0),
            WorkflowOrderField::Priority => i64::from(self.priority),
        };
        WorkflowCursor { key, run_id: self.run_id }
    }
}
