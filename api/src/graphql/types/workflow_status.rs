use async_graphql::Enum;
use ctutor_engine::client;

/// State of a run. Clients must expect new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::WorkflowStatus")]
pub enum WorkflowStatus {
    /// Accepted, no task started.
    Pending,
    /// In progress.
    Running,
    /// In progress, and asked to stop.
    Canceling,
    /// Returned.
    Completed,
    /// Raised an error.
    Failed,
    /// Stopped because it was asked to.
    Canceled,
    /// Stopped from outside.
    Terminated,
    /// Ran out of time.
    TimedOut,
    /// Went on as a new run.
    ContinuedAsNew,
}
