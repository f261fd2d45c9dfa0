//! Small and hot: one row for each open run. Who works on it, or from when a worker is needed.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_task")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Its namespace.
    pub namespace: String,
    /// Its type; workers claim only what they know.
    pub workflow_type: String,
    /// Its queue.
    pub task_queue: String,
    /// Higher first.
    pub priority: i32,
    /// From when a worker is needed: now, the next timer, or never.
    pub visible_at_ms: i64,
    /// The worker that holds the lease.
    pub owner: Option<Uuid>,
    /// Counts the leases; a commit under an older one changes nothing.
    pub epoch: i64,
    /// When others may take it.
    pub lease_expires_at_ms: Option<i64>,
    /// What the next append must begin with.
    pub next_event_id: i64,
    /// Number of the last message put into the run's inbox.
    pub inbox_sequence: i64,
    /// Failed tries of the present workflow task.
    pub attempt: i32,
    /// Why the last try failed; JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub failure: Option<String>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
