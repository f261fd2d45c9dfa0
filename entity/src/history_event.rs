//! Table `history_event`: the history of each run. Rows are only added.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "history_event")]
pub struct Model {
    /// Run ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Event ID: 1, 2, 3 … without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: i64,
    /// Event type, with Temporal's name.
    pub event_type: String,
    /// When it was recorded.
    pub time_ms: i64,
    /// Attributes of the event; JSON.
    #[sea_orm(column_type = "Text")]
    pub attributes: String,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
