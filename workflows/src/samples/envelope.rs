use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shape in which the course system's workflows return: `result.result` is what they computed.
///
/// A failure has no envelope of its own: the run fails, and its failure carries the metadata as details.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope<R, M> {
    /// `completed`.
    pub status: String,
    /// What was computed.
    pub result: R,
    /// Always null; a failed run has a failure instead.
    pub error: Option<String>,
    /// About the computation.
    pub metadata: M,
}

impl<R, M> Envelope<R, M> {
    /// The envelope of a success.
    pub fn completed(result: R, metadata: M) -> Self {
        Self { status: "completed".to_owned(), result, error: None, metadata }
    }
}

/// Which workflow it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowTypeMetadata {
    /// The kind, without the `example_`.
    pub workflow_type: String,
}

impl WorkflowTypeMetadata {
    pub(super) fn of(workflow_type: &str) -> Self {
        Self { workflow_type: workflow_type.to_owned() }
    }
}
