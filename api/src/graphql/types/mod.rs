//! Object types, and the enums that they show.

mod activity;
mod failure;
mod history_event;
mod history_event_type;
mod node;
mod payload;
mod stream_item;
mod task_queue;
mod viewer;
mod worker;
mod workflow_execution;
mod workflow_execution_connection;
mod workflow_status;
mod workflow_type;

pub use activity::{Activity, ActivityStatus, Heartbeat};
pub use failure::Failure;
pub use history_event::HistoryEvent;
pub use history_event_type::HistoryEventType;
pub use node::Node;
pub use payload::{DeleteWorkflowPayload, StopWorkflowPayload, UserError, UserErrorCode, WorkflowPayload};
pub use stream_item::{
    ActivityProgressed, HistoryAppended, StreamEnded, StreamItem, StreamReset, StreamResetReason,
    WorkflowSnapshot, WorkflowStreamItem,
};
pub use task_queue::TaskQueue;
pub use viewer::{Viewer, ViewerRole};
pub use worker::Worker;
pub use workflow_execution::{BlockedWorkflowTask, WorkflowExecution};
pub use workflow_execution_connection::{WorkflowExecutionConnection, WorkflowExecutionEdge};
pub use workflow_status::WorkflowStatus;
pub use workflow_type::WorkflowType;
