use async_graphql::{Enum, InputObject};
use ctutor_engine::client;

/// Sort order of runs.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct WorkflowOrder {
    /// Field to sort by.
    pub field: WorkflowOrderField,
    /// Sort direction.
    #[graphql(default_with = "OrderDirection::Desc")]
    pub direction: OrderDirection,
}

/// Field that runs can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::WorkflowOrderField")]
pub enum WorkflowOrderField {
    /// When the server accepted the run.
    CreatedAt,
    /// When the run ended. Open runs count as the latest.
    ClosedAt,
    /// Priority of the run.
    Priority,
}

/// Sort direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Ascending: smallest or oldest first.
    Asc,
    /// Descending: largest or newest first.
    Desc,
}

impl From<WorkflowOrder> for client::WorkflowOrder {
    fn from(order: WorkflowOrder) -> Self {
        Self { field: order.field.into(), descending: order.direction == OrderDirection::Desc }
    }
}
