use async_graphql::Interface;

use super::{Activity, HistoryEvent, TaskQueue, Worker, WorkflowExecution};

/// Anything that can be fetched again by its global id.
#[derive(Debug, Clone, Interface)]
#[graphql(field(
    name = "id",
    ty = "async_graphql::ID",
    desc = "Global id: a type prefix and what names the object; opaque to clients."
))]
pub enum Node {
    /// A run.
    WorkflowExecution(WorkflowExecution),
    /// An event of a run.
    HistoryEvent(HistoryEvent),
    /// An activity of a run.
    Activity(Activity),
    /// A worker.
    Worker(Worker),
    /// A task queue.
    TaskQueue(TaskQueue),
}
