//! Table `start_request`: idempotency keys of starts, kept for 24 hours.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "start_request")]
pub struct Model {
    /// Namespace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub namespace: String,
    /// Subject of the caller's token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// Idempotency key that the caller chose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    /// SHA-256 of the request, in hexadecimal.
    pub input_hash: String,
    /// Run that the request started.
    pub run_id: Uuid,
    /// When the request was accepted.
    pub created_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
