use async_graphql::{Enum, Interface, SimpleObject, Union};
use ctutor_engine::client;

use super::{Activity, HistoryEvent, WorkflowExecution};
use crate::graphql::scalar::DateTime;

/// Fields that all items of a stream have.
#[derive(Debug, Interface)]
#[graphql(
    field(
        name = "cursor",
        ty = "Option<String>",
        desc = "Pass it as `after` to resume after this item. Null on items that are not stored."
    ),
    field(name = "at", ty = "DateTime", desc = "When the server sent this item (UTC).")
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

/// An item of `workflowStream`. New types may be added, so handle unknown ones.
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

/// The complete state of the run. Sent first, and after each `StreamReset`.
#[derive(Debug, Clone, SimpleObject)]
pub struct WorkflowSnapshot {
    /// Pass it as `after` to resume after this item.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// When the server sent this item (UTC).
    #[graphql(owned)]
    pub at: DateTime,
    /// The run as it is now.
    pub workflow: WorkflowExecution,
}

/// New history events, in order.
#[derive(Debug, Clone, SimpleObject)]
pub struct HistoryAppended {
    /// Pass it as `after` to resume after this item.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// When the server sent this item (UTC).
    #[graphql(owned)]
    pub at: DateTime,
    /// The new events, oldest first.
    pub events: Vec<HistoryEvent>,
    /// The run as it is after these events.
    pub workflow: WorkflowExecution,
}

/// An activity sent a heartbeat. Not stored: only the latest one matters.
#[derive(Debug, Clone, SimpleObject)]
pub struct ActivityProgressed {
    /// Always null: this item is not stored.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// When the server sent this item (UTC).
    #[graphql(owned)]
    pub at: DateTime,
    /// The activity with its latest heartbeat.
    pub activity: Activity,
}

/// The stream starts again: a `WorkflowSnapshot` follows. Heartbeats may have been missed, but no event is lost.
#[derive(Debug, Clone, SimpleObject)]
pub struct StreamReset {
    /// Always null: this item is not stored.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// When the server sent this item (UTC).
    #[graphql(owned)]
    pub at: DateTime,
    /// Why the stream starts again.
    pub reason: StreamResetReason,
}

/// The run has ended. This is the last item of the stream.
#[derive(Debug, Clone, SimpleObject)]
pub struct StreamEnded {
    /// Pass it as `after` to resume after this item.
    #[graphql(owned)]
    pub cursor: Option<String>,
    /// When the server sent this item (UTC).
    #[graphql(owned)]
    pub at: DateTime,
    /// The ended run, with its result or failure.
    pub workflow: WorkflowExecution,
}

/// Why a stream starts again. New values may be added, so handle unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ResetReason")]
pub enum StreamResetReason {
    /// The client read too slowly, so the server dropped items.
    SlowConsumer,
    /// The server lost its connection to the message bus for a while.
    BrokerGap,
    /// The cursor lies beyond the end of the history.
    CursorExpired,
}
