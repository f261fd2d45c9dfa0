use async_graphql::Enum;
use ctutor_engine::client;

/// State of a run. New values may be added, so handle unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::WorkflowStatus")]
pub enum WorkflowStatus {
    /// Accepted by the server, but not yet started by a worker.
    Pending,
    /// In progress.
    Running,
    /// In progress, and a caller has requested its cancellation.
    Canceling,
    /// Completed: the workflow returned a result.
    Completed,
    /// Failed: the workflow ended with an error.
    Failed,
    /// Ended after a cancel request.
    Canceled,
    /// Terminated by a caller.
    Terminated,
    /// Exceeded its execution timeout.
    TimedOut,
    /// Continued as a new run with the same workflow ID.
    ContinuedAsNew,
}
