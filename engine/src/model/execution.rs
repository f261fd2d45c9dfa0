//! Runs.

use std::time::Duration;

use super::{WorkflowCursor, WorkflowOrderField};

use crate::{
    clock::Timestamp,
    failure::Failure,
    ids::{Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    payload::Payload,
};

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkflowStatus {
    /// Accepted; no workflow task has started.
    Pending,
    /// In progress.
    Running,
    /// In progress; cancellation was requested.
    Canceling,
    /// The workflow returned a result.
    Completed,
    /// The workflow failed.
    Failed,
    /// Canceled after a cancel request.
    Canceled,
    /// Terminated without telling its code.
    Terminated,
    /// The execution timeout was exceeded.
    TimedOut,
    /// Continued as a new run.
    ContinuedAsNew,
}

impl WorkflowStatus {
    /// Every status.
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

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowExecution {
    /// Run ID.
    pub run_id: RunId,
    /// Namespace.
    pub namespace: Namespace,
    /// Workflow ID.
    pub workflow_id: WorkflowId,
    /// Workflow type.
    pub workflow_type: WorkflowType,
    /// Task queue of its workflow tasks.
    pub task_queue: TaskQueue,
    /// Priority; higher runs first.
    pub priority: i32,
    /// Current status.
    pub status: WorkflowStatus,
    /// Subject of the token that started it.
    pub owner: Option<String>,
    /// Workflow input.
    pub input: Payload,
    /// Result.
    pub result: Option<Payload>,
    /// Failure.
    pub failure: Option<Failure>,
    /// Memo: free notes; a JSON object.
    pub memo: Payload,
    /// Search attributes: named values for search; a JSON object.
    pub search_attributes: Payload,
    /// When the server accepted the run.
    pub created_at: Timestamp,
    /// Earliest time at which a worker may start the run; `None`: at once.
    pub start_at: Option<Timestamp>,
    /// When its first workflow task started.
    pub started_at: Option<Timestamp>,
    /// When the run closed.
    pub closed_at: Option<Timestamp>,
    /// Execution timeout.
    pub execution_timeout: Option<Duration>,
    /// Number of recorded events.
    pub history_length: i64,
    /// Identity of the last worker that held the run.
    pub worker_identity: Option<String>,
}

/// The workflow task that keeps failing, with its last failure.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockedWorkflowTask {
    /// Number of failed attempts.
    pub attempt: u32,
    /// Failure of the last attempt.
    pub failure: Failure,
    /// When it is retried.
    pub next_attempt_at: Timestamp,
}

/// Identifies a run in one of two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowTarget {
    /// By run ID.
    Run(RunId),
    /// The latest run of a workflow ID.
    Workflow(WorkflowId),
}

/// A cancellation or termination that was accepted.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// The run afterwards.
    pub execution: WorkflowExecution,
    /// False if nothing changed, because the run was closed or its cancellation was requested before.
    pub changed: bool,
}

impl WorkflowExecution {
    /// Its position in a list of this order.
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
