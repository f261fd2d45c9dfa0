//! Idempotency keys of starts, kept for a day.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "start_request")]
pub struct Model {
    /// The namespace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub namespace: String,
    /// Subject of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// The key that the caller chose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    /// SHA-256 of what was asked for, in hexadecimal.
    pub input_hash: String,
    /// The run that it started.
    pub run_id: Uuid,
    /// When.
    pub created_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
