//! Table `message`: the inbox of each run. A message is deleted in the transaction that records its events.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    /// Run ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Order of arrival: 1, 2, 3 ….
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// Kind of the message.
    pub kind: String,
    /// Content of the message; JSON.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// When the message was stored.
    pub created_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
