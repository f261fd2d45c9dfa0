use async_graphql::{Context, Object, Result};

use crate::graphql::{
    loader::Loaders,
    page::{Connection, page_cost, page_size, slice},
    page_sizes::List,
    types::Worker,
};

#[derive(Debug, Default)]
pub(super) struct WorkersQuery;

#[Object]
impl WorkersQuery {
    /// Live workers, oldest first.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            50, List::Items, child_complexity
        )"#)]
    async fn workers(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, at least 1. The configuration of the server sets the maximum: `graphql.page_items_max`, by default 100. Defaults to 50, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Return only workers that serve this task queue.")] task_queue: Option<String>,
    ) -> Result<Connection<Worker>> {
        let size = page_size(ctx, "first", first, 50, List::Items)?;
        let mut workers = ctx.data_unchecked::<Loaders>().workers().await?;
        if let Some(task_queue) = task_queue {
            workers.retain(|worker| worker.get().task_queues.iter().any(|name| name.as_str() == task_queue));
        }
        slice(workers, Worker::place, size, after.as_deref())
    }
}
