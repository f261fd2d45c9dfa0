use async_graphql::Interface;

use super::{Activity, HistoryEvent, TaskQueue, Worker, WorkflowExecution};

/// An object that `node` and `nodes` can fetch by its global ID.
#[derive(Debug, Clone, Interface)]
#[graphql(field(
    name = "id",
    ty = "async_graphql::ID",
    desc = "Global ID of the object, with a prefix for its type. Treat it as opaque."
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
