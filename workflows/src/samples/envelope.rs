use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result format of the course system's workflows; `result.result` holds the computed value.
///
/// A failure has no envelope of its own: the run fails, and its failure carries the metadata as details.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope<R, M> {
    /// Always `completed`.
    pub status: String,
    /// The computed value.
    pub result: R,
    /// Always null; a failed run has a failure instead.
    pub error: Option<String>,
    /// Facts about the computation.
    pub metadata: M,
}

impl<R, M> Envelope<R, M> {
    /// Wraps a successful result.
    pub fn completed(result: R, metadata: M) -> Self {
        Self { status: "completed".to_owned(), result, error: None, metadata }
    }
}

/// Names the workflow type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowTypeMetadata {
    /// The workflow type without the prefix `example_`.
    pub workflow_type: String,
}

impl WorkflowTypeMetadata {
    pub(super) fn of(workflow_type: &str) -> Self {
        Self { workflow_type: workflow_type.to_owned() }
    }
}
