//! Tasks that wait for a worker, leases of workers that were lost, and what runs are called; for maintenance.

use std::collections::{BTreeMap, HashMap};

use ctutor_entity::worker;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    clock::Timestamp,
    ids::{Namespace, RunId, TaskQueue, WorkerId, WorkflowId, WorkflowType},
    store::{Error, Store, TaskKind, sql::json},
};

/// Tasks of one type that wait on one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingTasks {
    pub(crate) task_queue: String,
    pub(crate) kind: TaskKind,
    pub(crate) task_type: String,
    pub(crate) count: i64,
    /// Since when the oldest of them waits.
    pub(crate) oldest_since: Timestamp,
}

/// What a run is called, without its payloads and its state: any version can read that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunNames {
    pub(crate) workflow_id: WorkflowId,
    pub(crate) workflow_type: WorkflowType,
    pub(crate) task_queue: TaskQueue,
}

impl Store {
    /// What some runs are called, as far as they are still there.
    pub(crate) async fn run_names(
        &self,
        namespace: &Namespace,
        run_ids: &[RunId],
    ) -> Result<HashMap<RunId, RunNames>, Error> {
        if run_ids.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "SELECT run_id, workflow_id, workflow_type, task_queue FROM workflow_execution \
             WHERE namespace = $1 AND run_id IN ({})",
            self.reader.dialect.uuids(2)
        );
        let rows = self.reader.rows(sql, vec![namespace.as_str().into(), json(run_ids)]).await?;
        rows.iter()
            .map(|row| {
                let names = RunNames {
                    workflow_id: WorkflowId::trusted(row.try_get::<String>("", "workflow_id")?),
                    workflow_type: WorkflowType::trusted(row.try_get::<String>("", "workflow_type")?),
                    task_queue: TaskQueue::trusted(row.try_get::<String>("", "task_queue")?),
                };
                Ok((RunId(row.try_get("", "run_id")?), names))
            })
            .collect()
    }

    /// The tasks that are due and that no worker has, by queue and type; no more than `at_most` rows of each kind.
    pub(crate) async fn waiting_tasks(
        &self,
        namespace: &Namespace,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Vec<WaitingTasks>, Error> {
        let mut waiting = Vec::new();
        for (kind, table, column) in [
            (TaskKind::Workflow, "workflow_task", "workflow_type"),
            (TaskKind::Activity, "activity_task", "activity_type"),
        ] {
            let sql = format!(
                "SELECT task_queue, {column} AS task_type, COUNT(*) AS waiting, MIN(visible_at_ms) AS oldest \
                 FROM {table} WHERE namespace = $1 AND owner IS NULL AND visible_at_ms <= $2 \
                 GROUP BY task_queue, {column} ORDER BY oldest LIMIT {at_most}"
            );
            for row in self.reader.rows(sql, vec![namespace.as_str().into(), now.0.into()]).await? {
                waiting.push(WaitingTasks {
                    task_queue: row.try_get("", "task_queue")?,
                    kind,
                    task_type: row.try_get("", "task_type")?,
                    count: row.try_get("", "waiting")?,
                    oldest_since: Timestamp(row.try_get("", "oldest")?),
                });
            }
        }
        Ok(waiting)
    }

    /// How many runs each worker holds under a lease that ended before `leases_ended_by`, except the workers `alive`.
    pub(crate) async fn runs_of_lost_workers(
        &self,
        leases_ended_by: Timestamp,
        alive: &[WorkerId],
    ) -> Result<BTreeMap<WorkerId, usize>, Error> {
        let sql = format!(
            "SELECT owner, COUNT(*) AS runs FROM workflow_task WHERE owner IS NOT NULL AND lease_expires_at_ms < $1 \
             AND owner NOT IN ({}) GROUP BY owner",
            self.reader.dialect.uuids(2)
        );
        let rows = self.reader.rows(sql, vec![leases_ended_by.0.into(), json(alive)]).await?;
        rows.iter()
            .map(|row| {
                let runs: i64 = row.try_get("", "runs")?;
                Ok((WorkerId(row.try_get("", "owner")?), usize::try_from(runs).unwrap_or(usize::MAX)))
            })
            .collect()
    }

    /// The identities of some workers, as far as their rows are still there.
    pub(crate) async fn worker_identities(
        &self,
        worker_ids: &[WorkerId],
    ) -> Result<BTreeMap<WorkerId, String>, Error> {
        let rows = worker::Entity::find()
            .filter(worker::Column::WorkerId.is_in(worker_ids.iter().map(|worker_id| worker_id.0)))
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|row| (WorkerId(row.worker_id), row.identity)).collect())
    }
}
