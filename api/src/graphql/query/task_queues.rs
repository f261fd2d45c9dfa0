use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::{
    app::App,
    graphql::{
        error::store_fault,
        page::{Connection, PAGE_ITEMS, page_cost, page_size, slice},
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
            50, &PAGE_ITEMS, child_complexity
        )"#)]
    async fn task_queues(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, from 1 to 100.", default_with = "Some(50)")] first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<TaskQueue>> {
        let size = page_size("first", first, 50, &PAGE_ITEMS)?;
        let client = &ctx.data_unchecked::<Arc<App>>().client;
        let queues = client.task_queues().await.map_err(|error| store_fault(&error))?;
        let now = client.clock().now();
        let queues: Vec<_> = queues.into_iter().map(|info| TaskQueue::new(info, now)).collect();
        slice(queues, TaskQueue::place, size, after.as_deref())
    }
}
