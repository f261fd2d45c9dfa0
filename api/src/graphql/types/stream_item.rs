use async_graphql::{Enum, Interface, SimpleObject, Union};
use ctutor_engine::client;

use super::{Activity, HistoryEvent, WorkflowExecution};
use crate::graphql::scalar::DateTime;

/// What every stream item says.
#[derive(Debug, Interface)]
#[graphql(
    field(
        name = "cursor",
        ty = "Option<String>",
        desc = "Resume after this; null on items that are not kept."
    ),
    field(name = "at", ty = "DateTime", desc = "Sent.")
)]
pub enum StreamItem {
    /// The whole state.
    WorkflowSnapshot(WorkflowSnapshot),
    /// New events.
    HistoryAppended(HistoryAppended),
    /// A heartbeat.
    ActivityProgressed(ActivityProgressed),
    /// The stream starts over.
    StreamReset(StreamReset),
    /// The end.
    StreamEnded(StreamEnded),
}

/// Items of `workflowStream`. Clients must expect new ones.
#[derive(Debug, Union)]
pub enum WorkflowStreamItem {
    /// The whole state.
    WorkflowSnapshot(WorkflowSnapshot),
    /// New events.
    HistoryAppended(HistoryAppended),
    /// A heartbeat.
    ActivityProgressed(ActivityProgressed),
    /// The stream starts over.
    StreamReset(StreamReset),
    /// The end.
    StreamEnded(StreamEnded),
}

/// The whole state, first or after a gap.
#[derive(Debug, Clone, SimpleObject)]
pub struct WorkflowSnapshot {
    /// Resume after this.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// Sent.
    #[graphql(owned)]
    pub at: DateTime,
    /// The run now.
    pub workflow: WorkflowExecution,
}

/// New events, in order.
#[derive(Debug, Clone, SimpleObject)]
pub struct HistoryAppended {
    /// Resume after this.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// Sent.
    #[graphql(owned)]
    pub at: DateTime,
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// The run after them.
    pub workflow: WorkflowExecution,
}

/// A heartbeat; not kept, only the latest counts.
#[derive(Debug, Clone, SimpleObject)]
pub struct ActivityProgressed {
    /// Always null.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// Sent.
    #[graphql(owned)]
    pub at: DateTime,
    /// The activity with its latest heartbeat.
    pub activity: Activity,
}

/// Heartbeats may have been missed, or the cursor was of no use; a snapshot follows, and no event is lost.
#[derive(Debug, Clone, SimpleObject)]
pub struct StreamReset {
    /// Always null.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// Sent.
    #[graphql(owned)]
    pub at: DateTime,
    /// Why.
    pub reason: StreamResetReason,
}

/// The run has ended: nothing more will come.
#[derive(Debug, Clone, SimpleObject)]
pub struct StreamEnded {
    /// Resume after this.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// Sent.
    #[graphql(owned)]
    pub at: DateTime,
    /// The run as closed.
    pub workflow: WorkflowExecution,
}

/// Why a stream starts over. Clients must expect new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ResetReason")]
pub enum StreamResetReason {
    /// This client read too slowly.
    SlowConsumer,
    /// The broker was lost for a while.
    BrokerGap,
    /// The cursor names history that is not there.
    CursorExpired,
}
