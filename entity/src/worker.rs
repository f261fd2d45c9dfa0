//! Table `worker`: the workers that are alive.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "worker")]
pub struct Model {
    /// Worker ID, new at each start.
    #[sea_orm(primary_key, auto_increment = false)]
    pub worker_id: Uuid,
    /// Namespace.
    pub namespace: String,
    /// Identity shown to people, such as `pid@host`.
    pub identity: String,
    /// Version of the program.
    pub build_id: String,
    /// Task queues that it serves; JSON array.
    #[sea_orm(column_type = "Text")]
    pub task_queues: String,
    /// Workflow types that it has registered; JSON array.
    #[sea_orm(column_type = "Text")]
    pub workflow_types: String,
    /// Activity types that it has registered; JSON array.
    #[sea_orm(column_type = "Text")]
    pub activity_types: String,
    /// Maximum number of concurrent activities.
    pub slots: i32,
    /// Number of running activities.
    pub slots_used: i32,
    /// Whether it is stopping and takes no new tasks.
    pub draining: bool,
    /// When the worker registered.
    pub started_at_ms: i64,
    /// When the worker last renewed its lease, by the clock of the database.
    pub last_seen_at_ms: i64,
    /// Until when the worker holds what names it, by the clock of the database.
    pub lease_expires_at_ms: Option<i64>,
    /// Until when a process has it that takes over from the worker, by the clock of the database.
    pub takeover_ends_at_ms: Option<i64>,
    /// Milliseconds by which the clock of the worker's machine is ahead of that of the database.
    pub clock_offset_ms: Option<i64>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
