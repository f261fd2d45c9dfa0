//! Starts.

use std::time::Duration;

use super::WorkflowExecution;

use crate::clock::Timestamp;

/// A workflow to start. Texts come from outside and are checked by the start.
#[derive(Debug, Clone)]
pub struct StartWorkflow {
    /// A registered type.
    pub workflow_type: String,
    /// What it gets; checked against the type's JSON Schema.
    pub input: serde_json::Value,
    /// The caller's name; `<type>-<UUIDv4>` when there is none.
    pub workflow_id: Option<String>,
    /// The queue; the type's own when there is none.
    pub task_queue: Option<String>,
    /// -100 to 100; higher first.
    pub priority: i32,
    /// Not before this time from now, or this instant; when there is none, at once.
    pub start: Option<StartTime>,
    /// Longest time; the type's own when there is none.
    pub execution_timeout: Option<Duration>,
    /// Free notes; a JSON object.
    pub memo: serde_json::Value,
    /// Named values for search; a JSON object.
    pub search_attributes: serde_json::Value,
    /// When an open run has the id.
    pub conflict_policy: ConflictPolicy,
    /// When a closed run has the id.
    pub reuse_policy: ReusePolicy,
    /// The same key and input give the same run, for a day.
    pub idempotency_key: Option<String>,
}

impl StartWorkflow {
    /// A start of a type with an input and nothing else said.
    #[must_use]
    pub fn new(workflow_type: impl Into<String>, input: serde_json::Value) -> Self {
        Self {
            workflow_type: workflow_type.into(),
            input,
            workflow_id: None,
            task_queue: None,
            priority: 0,
            start: None,
            execution_timeout: None,
            memo: serde_json::json!({}),
            search_attributes: serde_json::json!({}),
            conflict_policy: ConflictPolicy::Fail,
            reuse_policy: ReusePolicy::RejectDuplicate,
            idempotency_key: None,
        }
    }
}

/// When a run may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum StartTime {
    /// Not before this instant.
    At(Timestamp),
    /// Not before this time after the start was accepted.
    After(Duration),
}

impl StartTime {
    /// The instant, for a start that is accepted at `now`.
    #[must_use]
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::After(delay) => now + delay,
        }
    }
}

/// What to do when an open run has the workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum ConflictPolicy {
    /// Refuse.
    Fail,
    /// Answer with the open run.
    UseExisting,
    /// Terminate it and start.
    TerminateExisting,
}

/// What to do when a closed run has the workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum ReusePolicy {
    /// Refuse.
    RejectDuplicate,
    /// Start when the closed one did not complete.
    AllowDuplicateFailedOnly,
    /// Start.
    AllowDuplicate,
}

/// An accepted start.
#[derive(Debug, Clone)]
pub struct Started {
    /// The run.
    pub execution: WorkflowExecution,
    /// False when an earlier call with this key, or an open run with this id, is the answer.
    pub created: bool,
}
