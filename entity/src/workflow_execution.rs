//! Table `workflow_execution`: one row for each run. Written when the run is accepted, started and closed.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_execution")]
pub struct Model {
    /// Run ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Namespace.
    pub namespace: String,
    /// Workflow ID, unique among the open runs of the namespace.
    pub workflow_id: String,
    /// Workflow type.
    pub workflow_type: String,
    /// Task queue of its workflow tasks.
    pub task_queue: String,
    /// Higher runs first; -100 to 100.
    pub priority: i32,
    /// `PENDING`, `RUNNING`, or the final status.
    pub status: String,
    /// Whether cancellation was requested.
    pub cancel_requested: bool,
    /// Subject of the token that started it; decides who sees it.
    pub owner: Option<String>,
    /// Course that it belongs to.
    pub course_id: Option<String>,
    /// Organization that it belongs to.
    pub organization_id: Option<String>,
    /// Workflow input; JSON.
    #[sea_orm(column_type = "Text")]
    pub input: String,
    /// Result; JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub result: Option<String>,
    /// Failure; JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub failure: Option<String>,
    /// Memo; JSON object.
    #[sea_orm(column_type = "Text")]
    pub memo: String,
    /// Search attributes; JSON object.
    #[sea_orm(column_type = "Text")]
    pub search_attributes: String,
    /// When the server accepted the run.
    pub created_at_ms: i64,
    /// Earliest time at which a worker may start the run; null means at once.
    pub start_at_ms: Option<i64>,
    /// When its first workflow task started.
    pub started_at_ms: Option<i64>,
    /// When the run closed.
    pub closed_at_ms: Option<i64>,
    /// Execution timeout, from acceptance or `start_at_ms` to the close.
    pub execution_timeout_ms: Option<i64>,
    /// When the execution timeout is exceeded.
    pub deadline_at_ms: Option<i64>,
    /// Number of events, as of the last commit that wrote this row; exact once the run is closed.
    pub history_length: i64,
    /// Identity of the last worker that held the run.
    pub worker_identity: Option<String>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
