//! Workers and what they registered.

use ctutor_entity::{worker, workflow_type};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::de::DeserializeOwned;

use super::execution::duration;
use crate::{
    clock::Timestamp,
    ids::{Namespace, TaskQueue, WorkerId, WorkflowType},
    model::{WorkerInfo, WorkflowTypeInfo},
    store::{Error, Store},
};

impl Store {
    /// The workers seen since, oldest first.
    pub(crate) async fn workers(
        &self,
        namespace: &Namespace,
        seen_since: Timestamp,
    ) -> Result<Vec<WorkerInfo>, Error> {
        let rows = worker::Entity::find()
            .filter(worker::Column::Namespace.eq(namespace.as_str()))
            .filter(worker::Column::LastSeenAtMs.gte(seen_since.0))
            .order_by_asc(worker::Column::StartedAtMs)
            .order_by_asc(worker::Column::WorkerId)
            .all(&self.reader)
            .await?;
        rows.into_iter()
            .map(|row| {
                let key = row.worker_id.to_string();
                Ok(WorkerInfo {
                    worker_id: WorkerId(row.worker_id),
                    identity: row.identity,
                    build_id: row.build_id,
                    task_queues: list("worker", "task_queues", &key, &row.task_queues)?,
                    workflow_types: list("worker", "workflow_types", &key, &row.workflow_types)?,
                    activity_types: list("worker", "activity_types", &key, &row.activity_types)?,
                    slots: u32::try_from(row.slots).unwrap_or(0),
                    slots_used: u32::try_from(row.slots_used).unwrap_or(0),
                    draining: row.draining,
                    started_at: Timestamp(row.started_at_ms),
                    last_seen_at: Timestamp(row.last_seen_at_ms),
                })
            })
            .collect()
    }

    /// The registered workflow types, by name.
    pub(crate) async fn workflow_types(&self, namespace: &Namespace) -> Result<Vec<WorkflowTypeInfo>, Error> {
        let rows = workflow_type::Entity::find()
            .filter(workflow_type::Column::Namespace.eq(namespace.as_str()))
            .order_by_asc(workflow_type::Column::Name)
            .all(&self.reader)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(WorkflowTypeInfo {
                    input_schema: list("workflow_type", "input_schema", &row.name, &row.input_schema)?,
                    result_schema: list("workflow_type", "result_schema", &row.name, &row.result_schema)?,
                    name: WorkflowType::trusted(row.name),
                    description: row.description,
                    task_queue: TaskQueue::trusted(row.task_queue),
                    execution_timeout: row.execution_timeout_ms.map(duration),
                })
            })
            .collect()
    }
}

fn list<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    key: &str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Unreadable {
        table,
        column,
        key: key.to_owned(),
        reason: error.to_string(),
    })
}
