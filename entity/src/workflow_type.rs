//! Table `workflow_type`: the workflow types that workers have registered.

use sea_orm::entity::prelude::*;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_type")]
pub struct Model {
    /// Namespace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub namespace: String,
    /// Name of the workflow type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Description for users.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// Default task queue of its runs.
    pub task_queue: String,
    /// Default execution timeout of its runs.
    pub execution_timeout_ms: Option<i64>,
    /// JSON Schema of its input.
    #[sea_orm(column_type = "Text")]
    pub input_schema: String,
    /// JSON Schema of its result.
    #[sea_orm(column_type = "Text")]
    pub result_schema: String,
    /// When a worker last registered it.
    pub updated_at_ms: i64,
}

/// No relations: rows are joined where they are read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
