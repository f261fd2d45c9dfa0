use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::{
    app::App,
    graphql::{
        error::store_fault,
        page::{Connection, page_cost, page_size, slice},
        page_sizes::List,
        types::TaskQueue,
    },
};

#[derive(Debug, Default)]
pub(super) struct TaskQueuesQuery;

#[Object]
impl TaskQueuesQuery {
    /// Task queues with the number of their waiting tasks, sorted by name.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            50, List::Items, child_complexity
        )"#)]
    async fn task_queues(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, at least 1. The configuration of the server sets the maximum: `graphql.page_items_max`, by default 100. Defaults to 50, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<TaskQueue>> {
        let size = page_size(ctx, "first", first, 50, List::Items)?;
        let client = &ctx.data_unchecked::<Arc<App>>().client;
        let queues = client.task_queues().await.map_err(|error| store_fault(&error))?;
        let now = client.clock().now();
        let queues: Vec<_> = queues.into_iter().map(|info| TaskQueue::new(info, now)).collect();
        slice(queues, TaskQueue::place, size, after.as_deref())
    }
}
