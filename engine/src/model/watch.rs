//! What a watcher receives.

use super::{Activity, WorkflowExecution};

use crate::history::HistoryEvent;

/// What a watcher of a run receives: first a snapshot unless it resumes, then events, then the end.
#[derive(Debug, Clone)]
pub enum WatchItem {
    /// The whole state.
    Snapshot(Box<WorkflowExecution>),
    /// New events, in order, and the run after them.
    Events(Vec<HistoryEvent>, Box<WorkflowExecution>),
    /// A heartbeat; merged when they come faster than they are read.
    Progress(Box<Activity>),
    /// Heartbeats may be missing; a snapshot follows, and no event is lost.
    Reset(ResetReason),
    /// Nothing more will come.
    Ended(Box<WorkflowExecution>),
}

/// Why a watcher starts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// It read too slowly.
    SlowConsumer,
    /// The bus was lost for a while.
    BrokerGap,
    /// The cursor names history that is not there.
    CursorExpired,
}
