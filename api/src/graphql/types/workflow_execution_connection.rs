use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use ctutor_engine::client::WorkflowFilter;

use super::WorkflowExecution;
use crate::{
    Principal,
    app::App,
    graphql::{
        error::store_fault,
        page::{COUNT_MAX, PageInfo},
    },
};

/// One page of a list of runs.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct WorkflowExecutionConnection {
    /// The runs of the page with their cursors.
    pub edges: Vec<WorkflowExecutionEdge>,
    /// Position of the page within the list.
    pub page_info: PageInfo,
    #[graphql(skip)]
    pub(in crate::graphql) filter: WorkflowFilter,
}

#[ComplexObject]
impl WorkflowExecutionConnection {
    /// The runs of the page without their cursors.
    async fn nodes(&self) -> Vec<WorkflowExecution> {
        self.edges.iter().map(|edge| edge.node.clone()).collect()
    }

    /// Number of runs in the whole list. Computed only if selected; 10001 means more than 10000.
    #[graphql(complexity = 100)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u32> {
        let caller = ctx.data_unchecked::<Principal>().caller();
        let client = &ctx.data_unchecked::<Arc<App>>().client;
        client.count(&caller, &self.filter, COUNT_MAX).await.map_err(|error| store_fault(&error))
    }
}

/// A run of a list, with its cursor.
#[derive(Debug, Clone, SimpleObject)]
pub struct WorkflowExecutionEdge {
    /// The run.
    pub node: WorkflowExecution,
    /// Cursor of the run, for `after` and `before`.
    pub cursor: String,
}
