//! The workflow types that workers registered.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_type")]
pub struct Model {
    /// Their namespace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub namespace: String,
    /// The type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// What it is for.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// Where its tasks go unless the start says otherwise.
    pub task_queue: String,
    /// Longest run unless the start says otherwise.
    pub execution_timeout_ms: Option<i64>,
    /// JSON Schema of what it takes.
    #[sea_orm(column_type = "Text")]
    pub input_schema: String,
    /// JSON Schema of what it returns.
    #[sea_orm(column_type = "Text")]
    pub result_schema: String,
    /// When a worker registered it last.
    pub updated_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
