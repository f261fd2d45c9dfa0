//! Input types, and how they become requests of the engine.

mod start_workflow;
mod stop_workflow;
mod workflow_filter;
mod workflow_order;

pub use start_workflow::{ConflictPolicy, ReusePolicy, StartWorkflowInput};
pub use stop_workflow::{DeleteWorkflowInput, StopWorkflowInput, WorkflowRef};
pub use workflow_filter::{TimeRange, WorkflowFilter};
pub use workflow_order::{OrderDirection, WorkflowOrder, WorkflowOrderField};
