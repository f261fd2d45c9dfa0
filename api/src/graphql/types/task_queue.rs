use std::sync::Arc;

use async_graphql::{Context, Description, ID, Object, Result};
use ctutor_engine::{
    client::{TaskQueueInfo, WorkerInfo},
    clock::Timestamp,
};

use super::Worker;
use crate::graphql::{
    id::NodeId,
    loader::Loaders,
    page::{Connection, page_cost, page_size, slice},
    page_sizes::List,
    scalar::Duration,
};

/// A queue of tasks that wait for workers.
#[derive(Debug, Clone, Description)]
pub struct TaskQueue {
    info: Arc<TaskQueueInfo>,
    /// The instant at which ages are computed.
    now: Timestamp,
}

#[Object(use_type_description)]
impl TaskQueue {
    /// Global ID of the task queue.
    pub async fn id(&self) -> ID {
        NodeId::TaskQueue(self.info.name.clone()).into()
    }

    /// Name of the task queue.
    async fn name(&self) -> &str {
        self.info.name.as_str()
    }

    /// Number of tasks that are due and wait for a worker.
    async fn backlog(&self) -> i64 {
        self.info.backlog
    }

    /// How long the oldest waiting task has waited; null if none waits.
    async fn oldest_age(&self) -> Option<Duration> {
        self.info.oldest_since.map(|since| self.now.since(since).into())
    }

    /// Number of tasks that workers are running.
    async fn running(&self) -> i64 {
        self.info.running
    }

    /// Live workers that serve the queue, oldest first.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            20, List::Items, child_complexity
        )"#)]
    async fn workers(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, at least 1. The configuration of the server sets the maximum: `graphql.page_items_max`, by default 100. Defaults to 20, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<Worker>> {
        let size = page_size(ctx, "first", first, 20, List::Items)?;
        let workers = ctx.data_unchecked::<Loaders>().workers().await?;
        let serving: Vec<_> = workers.into_iter().filter(|worker| self.is_served_by(worker.get())).collect();
        slice(serving, Worker::place, size, after.as_deref())
    }
}

impl TaskQueue {
    pub(in crate::graphql) fn new(info: TaskQueueInfo, now: Timestamp) -> Self {
        Self { info: Arc::new(info), now }
    }

    /// Its place in the list of queues.
    pub(in crate::graphql) fn place(&self) -> String {
        self.info.name.as_str().to_owned()
    }

    fn is_served_by(&self, worker: &WorkerInfo) -> bool {
        worker.task_queues.contains(&self.info.name)
    }
}
