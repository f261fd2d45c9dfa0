//! Lists of runs.

use super::WorkflowStatus;

use crate::{clock::Timestamp, ids::RunId};

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowFilter {
    /// In one of these states; empty: any.
    pub statuses: Vec<WorkflowStatus>,
    /// Of one of these types; empty: any.
    pub types: Vec<String>,
    /// With this very workflow id.
    pub workflow_id: Option<String>,
    /// With an id that starts so.
    pub workflow_id_prefix: Option<String>,
    /// On this queue.
    pub task_queue: Option<String>,
    /// Accepted within.
    pub created: TimeRange,
    /// First task began within.
    pub started: TimeRange,
    /// Ended within.
    pub closed: TimeRange,
    /// All of these as well.
    pub and: Vec<WorkflowFilter>,
    /// And, if not empty, one of these.
    pub or: Vec<WorkflowFilter>,
}

/// A window of time; either end may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// From, inclusive.
    pub from: Option<Timestamp>,
    /// To, exclusive.
    pub to: Option<Timestamp>,
}

/// Order of runs; the run id breaks ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkflowOrder {
    /// By what.
    pub field: WorkflowOrderField,
    /// Largest, newest first.
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
    /// Accepted.
    CreatedAt,
    /// Ended; open ones count as ended last.
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
