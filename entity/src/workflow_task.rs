//! Table `workflow_task`: one row for each open run, with the worker that holds it or the time at which it needs one. It is small
//! and written often.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_task")]
pub struct Model {
    /// Run ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Namespace.
    pub namespace: String,
    /// Workflow type; workers claim only types that they have registered.
    pub workflow_type: String,
    /// Task queue.
    pub task_queue: String,
    /// Priority; higher runs first.
    pub priority: i32,
    /// When the run needs a worker: now, at its next timer, or never.
    pub visible_at_ms: i64,
    /// Worker that holds the lease; null if none does.
    pub owner: Option<Uuid>,
    /// Number of the lease; a commit under an older one changes nothing.
    pub epoch: i64,
    /// When the lease of a worker of the former version expires; others have theirs in the row of the worker.
    pub lease_expires_at_ms: Option<i64>,
    /// ID of the next event.
    pub next_event_id: i64,
    /// Number of the last message in the inbox of the run.
    pub inbox_sequence: i64,
    /// Number of failed attempts of the current workflow task.
    pub attempt: i32,
    /// Failure of the last attempt; JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub failure: Option<String>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
