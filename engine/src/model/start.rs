//! Starts.

use std::time::Duration;

use super::WorkflowExecution;

use crate::{clock::Timestamp, payload::Payload};

/// A workflow to start. All values are checked when it is started.
#[derive(Debug, Clone)]
pub struct StartWorkflow {
    /// Registered workflow type.
    pub workflow_type: String,
    /// Workflow input, checked against the type's JSON Schema and stored as it is written.
    pub input: Payload,
    /// Workflow ID, unique among open runs; default: `<type>-<UUIDv4>`.
    pub workflow_id: Option<String>,
    /// Task queue; default: that of the workflow type.
    pub task_queue: Option<String>,
    /// Priority from -100 to 100; higher runs first.
    pub priority: i32,
    /// Earliest start; default: at once.
    pub start: Option<StartTime>,
    /// Execution timeout; default: that of the workflow type.
    pub execution_timeout: Option<Duration>,
    /// Memo: free notes; a JSON object.
    pub memo: Payload,
    /// Search attributes: named values for search; a JSON object.
    pub search_attributes: Payload,
    /// What to do if an open run has the workflow ID.
    pub conflict_policy: ConflictPolicy,
    /// What to do if a closed run has the workflow ID.
    pub reuse_policy: ReusePolicy,
    /// Repeated requests with the same key return the same run; kept for 24 hours.
    pub idempotency_key: Option<String>,
}

impl StartWorkflow {
    /// A start with defaults for everything but the type and the input.
    #[must_use]
    pub fn new(workflow_type: impl Into<String>, input: impl Into<Payload>) -> Self {
        Self {
            workflow_type: workflow_type.into(),
            input: input.into(),
            workflow_id: None,
            task_queue: None,
            priority: 0,
            start: None,
            execution_timeout: None,
            memo: Payload::empty_object(),
            search_attributes: Payload::empty_object(),
            conflict_policy: ConflictPolicy::Fail,
            reuse_policy: ReusePolicy::RejectDuplicate,
            idempotency_key: None,
        }
    }
}

/// Earliest start of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum StartTime {
    /// At this time.
    At(Timestamp),
    /// This long after the start was accepted.
    After(Duration),
}

impl StartTime {
    /// The time, for a start that is accepted at `now`.
    #[must_use]
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::After(delay) => now + delay,
        }
    }
}

/// What to do if an open run has the workflow ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum ConflictPolicy {
    /// Refuse the start.
    Fail,
    /// Return the open run.
    UseExisting,
    /// Terminate the open run and start a new one.
    TerminateExisting,
}

/// What to do if a closed run has the workflow ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum ReusePolicy {
    /// Refuse the start.
    RejectDuplicate,
    /// Start a new run unless the closed one completed.
    AllowDuplicateFailedOnly,
    /// Start a new run.
    AllowDuplicate,
}

/// An accepted start.
#[derive(Debug, Clone)]
pub struct Started {
    /// The run.
    pub execution: WorkflowExecution,
    /// False if it is the run of an earlier call with the same key, or an open run with the same workflow ID.
    pub created: bool,
}
