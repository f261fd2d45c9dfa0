//! A run's inbox: what others want it to know. Consumed in the transaction that turns it into events.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Order of arrival: 1, 2, 3 ….
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// What kind of message.
    pub kind: String,
    /// JSON text.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// Arrived.
    pub created_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
