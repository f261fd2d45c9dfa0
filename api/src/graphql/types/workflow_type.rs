use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Context, Description, Object, Result};
use ctutor_engine::{client::WorkflowTypeInfo, ids::TaskQueue, payload::Payload};

use crate::graphql::{
    loader::Loaders,
    scalar::{Duration, Json},
};

/// A workflow type that workers have registered.
#[derive(Debug, Clone, Description)]
pub struct WorkflowType(Arc<WorkflowTypeInfo>);

#[Object(use_type_description)]
impl WorkflowType {
    /// Name of the workflow type.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// What the workflow does.
    async fn description(&self) -> Option<&str> {
        Some(self.0.description.as_str()).filter(|text| !text.is_empty())
    }

    /// JSON Schema of the workflow input.
    async fn input_schema(&self) -> Option<Json> {
        Some((&Payload::from(&self.0.input_schema)).into())
    }

    /// JSON Schema of the workflow result.
    async fn result_schema(&self) -> Option<Json> {
        Some((&Payload::from(&self.0.result_schema)).into())
    }

    /// Default task queue of runs of this type.
    async fn task_queue(&self) -> &str {
        self.0.task_queue.as_str()
    }

    /// Default execution timeout of runs of this type; null means no limit.
    async fn timeout(&self) -> Option<Duration> {
        self.0.execution_timeout.map(Duration)
    }

    /// Task queues on which live workers can run this type now.
    #[graphql(complexity = 5)]
    async fn task_queues(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let workers = ctx.data_unchecked::<Loaders>().workers().await?;
        let knowing = workers.iter().filter(|worker| worker.get().workflow_types.contains(&self.0.name));
        let queues: BTreeSet<_> =
            knowing.flat_map(|worker| worker.get().task_queues.iter().map(TaskQueue::as_str)).collect();
        Ok(queues.into_iter().map(str::to_owned).collect())
    }
}

impl WorkflowType {
    /// Its place in the list of types.
    pub(in crate::graphql) fn place(&self) -> String {
        self.0.name.as_str().to_owned()
    }
}

impl From<WorkflowTypeInfo> for WorkflowType {
    fn from(info: WorkflowTypeInfo) -> Self {
        Self(Arc::new(info))
    }
}
