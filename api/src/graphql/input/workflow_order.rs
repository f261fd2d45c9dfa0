use async_graphql::{Enum, InputObject};
use ctutor_engine::client;

/// Order of runs.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct WorkflowOrder {
    /// Field.
    pub field: WorkflowOrderField,
    /// Direction.
    #[graphql(default_with = "OrderDirection::Desc")]
    pub direction: OrderDirection,
}

/// What runs can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::WorkflowOrderField")]
pub enum WorkflowOrderField {
    /// Accepted.
    CreatedAt,
    /// Closed; open ones count as closed last.
    ClosedAt,
    /// Priority.
    Priority,
}

/// Direction of an ordering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Smallest, oldest first.
    Asc,
    /// Largest, newest first.
    Desc,
}

impl From<WorkflowOrder> for client::WorkflowOrder {
    fn from(order: WorkflowOrder) -> Self {
        Self { field: order.field.into(), descending: order.direction == OrderDirection::Desc }
    }
}
