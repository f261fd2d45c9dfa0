use async_graphql::{Context, Object, Result};

use crate::graphql::{
    loader::Loaders,
    page::{Connection, PAGE_ITEMS, page_cost, page_size, slice},
    types::Worker,
};

#[derive(Debug, Default)]
pub(super) struct WorkersQuery;

#[Object]
impl WorkersQuery {
    /// Live workers, oldest first.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            50, &PAGE_ITEMS, child_complexity
        )"#)]
    async fn workers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, from 1 to 100.", default_with = "Some(50)")] first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Return only workers that serve this task queue.")] task_queue: Option<String>,
    ) -> Result<Connection<Worker>> {
        let size = page_size("first", first, 50, &PAGE_ITEMS)?;
        let mut workers = ctx.data_unchecked::<Loaders>().workers().await?;
        if let Some(task_queue) = task_queue {
            workers.retain(|worker| worker.get().task_queues.iter().any(|name| name.as_str() == task_queue));
        }
        slice(workers, Worker::place, size, after.as_deref())
    }
}
