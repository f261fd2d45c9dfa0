//! Lists of runs.

use super::{WorkflowExecution, WorkflowStatus};

use crate::{clock::Timestamp, ids::RunId};

/// Selects runs; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowFilter {
    /// Has one of these statuses; empty: any.
    pub statuses: Vec<WorkflowStatus>,
    /// Is open and waits for this.
    pub waiting: Option<Waiting>,
    /// Has one of these workflow types; empty: any.
    pub types: Vec<String>,
    /// Has exactly this workflow ID.
    pub workflow_id: Option<String>,
    /// Workflow ID starts with this string (case-sensitive).
    pub workflow_id_prefix: Option<String>,
    /// Is on this task queue.
    pub task_queue: Option<String>,
    /// Was accepted within this range.
    pub created: TimeRange,
    /// Its first workflow task started within this range.
    pub started: TimeRange,
    /// Closed within this range.
    pub closed: TimeRange,
    /// Matches all of these filters as well.
    pub and: Vec<WorkflowFilter>,
    /// Matches at least one of these filters; empty: no condition.
    pub or: Vec<WorkflowFilter>,
}

/// What the runs of a list wait for at a given time.
///
/// The caller gives the time, so that all pages of a list, its length and its items refer to the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What they wait for.
    pub what: WaitingFor,
    /// At which time.
    pub now: Timestamp,
}

/// What an open run waits for; each waits for exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingFor {
    /// It is due and no worker has started it.
    Worker,
    /// It waits for a later time: its start, a timer or another attempt.
    Time,
    /// It has started, and a task of it is due or being processed.
    Nothing,
}

impl WaitingFor {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Worker, Self::Time, Self::Nothing];
}

/// A run together with how long nothing of it is due, both read at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiter {
    /// The run.
    pub execution: WorkflowExecution,
    /// When its first task is or was due; `None` if one is being processed, or if only a message
    /// can move it.
    pub due_at: Option<Timestamp>,
}

impl Waiter {
    /// What it waits for; a closed run waits for nothing.
    #[must_use]
    pub fn waiting_for(&self, now: Timestamp) -> Option<WaitingFor> {
        match self.execution.status {
            WorkflowStatus::Pending | WorkflowStatus::Running if self.due_at.is_some_and(|due| due > now) => {
                Some(WaitingFor::Time)
            }
            WorkflowStatus::Pending => Some(WaitingFor::Worker),
            status => (!status.is_closed()).then_some(WaitingFor::Nothing),
        }
    }
}

/// A time range; either end may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// Start of the range, inclusive.
    pub from: Option<Timestamp>,
    /// End of the range, exclusive.
    pub to: Option<Timestamp>,
}

/// Order of runs; equal ones are ordered by run ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkflowOrder {
    /// Field to order by.
    pub field: WorkflowOrderField,
    /// Largest or newest first.
    pub descending: bool,
}

impl Default for WorkflowOrder {
    /// Newest first.
    fn default() -> Self {
        Self { field: WorkflowOrderField::CreatedAt, descending: true }
    }
}

/// What runs can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowOrderField {
    /// When the run was accepted.
    CreatedAt,
    /// When the run closed; open runs count as closed last.
    ClosedAt,
    /// Priority.
    Priority,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many, and at most [`crate::client::Limits::page_items_max`].
    pub items: u32,
    /// From which end.
    pub direction: PageDirection,
    /// Beyond the item with this cursor.
    pub cursor: Option<WorkflowCursor>,
    /// Skip so many first; for the REST twin's `offset` only.
    pub offset: u32,
}

/// From which end a page is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageDirection {
    /// `first … after`.
    Forward,
    /// `last … before`; the items still come in the order of the list.
    Backward,
}

/// Where an item stands in a list of runs: its sort key and its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkflowCursor {
    /// Value of the ordering field.
    pub key: i64,
    /// The run.
    pub run_id: RunId,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// More items follow.
    pub has_next: bool,
    /// Items precede.
    pub has_previous: bool,
}
