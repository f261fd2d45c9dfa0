//! Table `activity_task`: one row for each open activity. Its input is in the event that scheduled it.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_task")]
pub struct Model {
    /// Run ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// ID of the event that scheduled it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scheduled_event_id: i64,
    /// Namespace of the run.
    pub namespace: String,
    /// Activity type; workers claim only types that they have registered.
    pub activity_type: String,
    /// Task queue.
    pub task_queue: String,
    /// Priority; higher runs first.
    pub priority: i32,
    /// Current attempt, or the next one if none is running: 1, 2, 3 ….
    pub attempt: i32,
    /// Earliest time at which a worker may take it.
    pub visible_at_ms: i64,
    /// Worker that runs the attempt; null while it waits.
    pub owner: Option<Uuid>,
    /// Identity of that worker.
    pub worker_identity: Option<String>,
    /// When the lease of a worker of the former version expires; others have theirs in the row of the worker.
    pub lease_expires_at_ms: Option<i64>,
    /// When the activity was scheduled.
    pub scheduled_at_ms: i64,
    /// When the attempt started.
    pub started_at_ms: Option<i64>,
    /// When it times out if no worker takes it.
    pub expires_at_ms: Option<i64>,
    /// Whether cancellation was requested.
    pub cancel_requested: bool,
    /// Last checkpoint, from which the next attempt resumes; JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub checkpoint: Option<String>,
    /// Last stored progress; JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub progress: Option<String>,
    /// When the last stored heartbeat was sent.
    pub heartbeat_at_ms: Option<i64>,
    /// Number of the last stored heartbeat of the attempt.
    pub heartbeat_sequence: i64,
    /// Attempts that ended because their worker was lost; they do not count against the retry policy.
    pub worker_losses: i32,
    /// Failure of the previous attempt; JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_failure: Option<String>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
