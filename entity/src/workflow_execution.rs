//! One row a run: what it is, who may see it, how it ended. Written at start, at the first task and at the end.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_execution")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Its namespace.
    pub namespace: String,
    /// The caller's name for it; unique among the open runs of the namespace.
    pub workflow_id: String,
    /// The code it runs.
    pub workflow_type: String,
    /// Where its tasks go.
    pub task_queue: String,
    /// Higher runs first; -100 to 100.
    pub priority: i32,
    /// `PENDING`, `RUNNING`, or how it ended.
    pub status: String,
    /// Somebody asked it to stop.
    pub cancel_requested: bool,
    /// Subject of the token that started it; decides who sees it.
    pub owner: Option<String>,
    /// The course it belongs to.
    pub course_id: Option<String>,
    /// The organization it belongs to.
    pub organization_id: Option<String>,
    /// JSON text.
    #[sea_orm(column_type = "Text")]
    pub input: String,
    /// JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub result: Option<String>,
    /// JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub failure: Option<String>,
    /// JSON text.
    #[sea_orm(column_type = "Text")]
    pub memo: String,
    /// JSON text.
    #[sea_orm(column_type = "Text")]
    pub search_attributes: String,
    /// Accepted.
    pub created_at_ms: i64,
    /// Not handed to a worker before.
    pub start_at_ms: Option<i64>,
    /// First task began.
    pub started_at_ms: Option<i64>,
    /// Ended.
    pub closed_at_ms: Option<i64>,
    /// Longest time from acceptance (or `start_at_ms`) to the end.
    pub execution_timeout_ms: Option<i64>,
    /// When that time is over.
    pub deadline_at_ms: Option<i64>,
    /// Events so far; exact at the end, as of the last commit before.
    pub history_length: i64,
    /// The worker that held it last.
    pub worker_identity: Option<String>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
