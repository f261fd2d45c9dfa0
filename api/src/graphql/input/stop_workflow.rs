use async_graphql::{ID, InputObject, OneofObject};
use ctutor_engine::{client::WorkflowTarget, ids::WorkflowId};

use crate::graphql::id::NodeId;

/// Identifies a run. Give exactly one of the two fields.
#[derive(Debug, Clone, OneofObject)]
pub enum WorkflowRef {
    /// Global ID of the run.
    Id(ID),
    /// Workflow ID. Identifies its latest run.
    WorkflowId(String),
}

/// Input of `cancelWorkflow` and `terminateWorkflow`.
#[derive(Debug, Clone, InputObject)]
pub struct StopWorkflowInput {
    /// The run to cancel or terminate.
    pub workflow: WorkflowRef,
    /// Reason, recorded in the history.
    pub reason: Option<String>,
}

/// Input of `deleteWorkflow`.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteWorkflowInput {
    /// The run to delete. It must have ended.
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
