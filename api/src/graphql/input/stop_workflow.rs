use async_graphql::{ID, InputObject, OneofObject};
use ctutor_engine::{client::WorkflowTarget, ids::WorkflowId};

use crate::graphql::id::NodeId;

/// Names a run: one of the two.
#[derive(Debug, Clone, OneofObject)]
pub enum WorkflowRef {
    /// Global id of the run.
    Id(ID),
    /// The caller's id; its latest run.
    WorkflowId(String),
}

/// A run to stop.
#[derive(Debug, Clone, InputObject)]
pub struct StopWorkflowInput {
    /// Which.
    pub workflow: WorkflowRef,
    /// For the history.
    pub reason: Option<String>,
}

/// A run to delete. It must have ended.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteWorkflowInput {
    /// Which.
    pub workflow: WorkflowRef,
}

impl WorkflowRef {
    /// The run for the engine; nothing when no run can have such an id.
    pub(in crate::graphql) fn target(&self) -> Option<WorkflowTarget> {
        match self {
            Self::Id(id) => NodeId::parse_run(id).map(WorkflowTarget::Run),
            Self::WorkflowId(text) => WorkflowId::parse(text).ok().map(WorkflowTarget::Workflow),
        }
    }

    /// The input field, for user errors.
    pub(in crate::graphql) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::WorkflowId(_) => "workflowId",
        }
    }
}
