//! One row for each open activity. What it runs stands in the event that scheduled it.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_task")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// The event that scheduled it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scheduled_event_id: i64,
    /// Its namespace.
    pub namespace: String,
    /// Its type; workers claim only what they know.
    pub activity_type: String,
    /// Its queue.
    pub task_queue: String,
    /// Higher first.
    pub priority: i32,
    /// The present attempt, or the next one: 1, 2, 3 ….
    pub attempt: i32,
    /// From when a worker may take it.
    pub visible_at_ms: i64,
    /// The worker that runs the attempt.
    pub owner: Option<Uuid>,
    /// Its name.
    pub worker_identity: Option<String>,
    /// When it counts as lost.
    pub lease_expires_at_ms: Option<i64>,
    /// Put on the queue.
    pub scheduled_at_ms: i64,
    /// This attempt began.
    pub started_at_ms: Option<i64>,
    /// When it times out while no worker runs it.
    pub expires_at_ms: Option<i64>,
    /// It was asked to stop.
    pub cancel_requested: bool,
    /// What the next attempt resumes from; JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub checkpoint: Option<String>,
    /// How far it was when last sampled; JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub progress: Option<String>,
    /// Last sign of life that was stored.
    pub heartbeat_at_ms: Option<i64>,
    /// Counts the heartbeats of this attempt.
    pub heartbeat_sequence: i64,
    /// Attempts that ended because their worker was lost; they do not count against the retry policy.
    pub worker_losses: i32,
    /// Why the attempt before failed; JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub last_failure: Option<String>,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
