//! Workers and what they registered.

use std::time::Duration;

use ctutor_entity::{worker, workflow_type};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};
use serde::de::DeserializeOwned;

use super::execution::duration;
use crate::{
    clock::Timestamp,
    ids::{Namespace, TaskQueue, WorkerId, WorkflowType},
    model::{WorkerInfo, WorkflowTypeInfo},
    store::{Error, Store},
};

/// A worker, and for how long it was not seen by the clock of the database. One of this process is always seen.
#[derive(Debug)]
pub(crate) struct SeenWorker {
    pub(crate) info: WorkerInfo,
    pub(crate) unseen_for: Duration,
}

impl Store {
    /// The workers seen within this time, oldest first.
    pub(crate) async fn workers(
        &self,
        namespace: &Namespace,
        within: Duration,
        now: Timestamp,
    ) -> Result<Vec<WorkerInfo>, Error> {
        let all = self.all_workers(namespace, now).await?.into_iter();
        Ok(all.filter(|worker| worker.unseen_for <= within).map(|worker| worker.info).collect())
    }

    /// Also those that are lost, as long as their rows are there.
    pub(crate) async fn all_workers(
        &self,
        namespace: &Namespace,
        now: Timestamp,
    ) -> Result<Vec<SeenWorker>, Error> {
        let mut values = vec![namespace.as_str().into()];
        let clock = self.reader.dialect.lease_clock(now, &mut values);
        let sql = format!(
            "SELECT *, {clock} - last_seen_at_ms AS unseen_ms FROM worker WHERE namespace = $1 \
             ORDER BY started_at_ms, worker_id"
        );
        let alive = self.local_workers();
        self.reader
            .rows(sql, values)
            .await?
            .iter()
            .map(|found| {
                let row = worker::Model::from_query_result(found, "")?;
                let unseen_ms: i64 = found.try_get("", "unseen_ms")?;
                let key = row.worker_id.to_string();
                let is_here = alive.contains(&WorkerId(row.worker_id));
                let unseen_for = if is_here { Duration::ZERO } else { duration(unseen_ms) };
                let info = WorkerInfo {
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
                    clock_offset_ms: row.clock_offset_ms,
                };
                Ok(SeenWorker { info, unseen_for })
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
