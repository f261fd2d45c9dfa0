//! The processes that run tasks, as long as they are alive.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "worker")]
pub struct Model {
    /// The process.
    #[sea_orm(primary_key, auto_increment = false)]
    pub worker_id: Uuid,
    /// Its namespace.
    pub namespace: String,
    /// Its name for people: `pid@host`.
    pub identity: String,
    /// The version that it runs.
    pub build_id: String,
    /// JSON list.
    #[sea_orm(column_type = "Text")]
    pub task_queues: String,
    /// JSON list.
    #[sea_orm(column_type = "Text")]
    pub workflow_types: String,
    /// JSON list.
    #[sea_orm(column_type = "Text")]
    pub activity_types: String,
    /// Most activities at once.
    pub slots: i32,
    /// Activities now.
    pub slots_used: i32,
    /// Takes no new tasks.
    pub draining: bool,
    /// Came.
    pub started_at_ms: i64,
    /// Last sign of life.
    pub last_seen_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
