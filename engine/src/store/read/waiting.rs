//! Tasks that wait for a worker, leases of workers that were lost, and what runs are called; for maintenance.

use std::collections::{BTreeMap, HashMap};

use ctutor_entity::worker;
use sea_orm::{EntityTrait, QueryFilter, QueryResult};

use crate::{
    clock::Timestamp,
    ids::{Namespace, RunId, TaskQueue, WorkerId, WorkflowId, WorkflowType},
    store::{
        Error, Store, TaskKind,
        sql::{Dialect, json},
    },
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

/// Most tasks of a lane that one look goes over. A backlog may be much larger, and is looked at every few seconds.
const LANE_TASKS_MAX: u32 = 10_000;

/// The due tasks by queue and type. Tasks that are not due, as those of runs that sleep for months, may be millions, so
/// the index of the claim is walked in three strides: from queue to queue, within a queue from priority to priority,
/// and within such a lane over the oldest tasks that are due. An index by time would do as well, but had to be written
/// with every step, and the claim would be planned with it.
pub(in crate::store) fn waiting_of(dialect: Dialect, kind: TaskKind, at_most: u64) -> String {
    let (table, column) = match kind {
        TaskKind::Workflow => ("workflow_task", "workflow_type"),
        TaskKind::Activity => ("activity_task", "activity_type"),
    };
    let idle = format!("FROM {table} AS t WHERE t.namespace = $1 AND t.owner IS NULL");
    let due = "t.task_queue = lane.task_queue AND t.priority = lane.priority AND t.visible_at_ms <= $2";
    let due = match dialect {
        Dialect::Postgres => format!(
            "lane CROSS JOIN LATERAL (SELECT t.{column}, t.visible_at_ms {idle} AND {due} \
             ORDER BY t.visible_at_ms LIMIT {LANE_TASKS_MAX}) AS t WHERE lane.priority IS NOT NULL"
        ),
        // It has no `LATERAL`, but always joins in the order of a `CROSS JOIN`.
        Dialect::Sqlite => {
            format!("lane CROSS JOIN {table} AS t WHERE t.namespace = $1 AND t.owner IS NULL AND {due}")
        }
    };
    format!(
        "WITH RECURSIVE queue(task_queue) AS (SELECT MIN(t.task_queue) {idle} UNION ALL \
         SELECT (SELECT MIN(t.task_queue) {idle} AND t.task_queue > queue.task_queue) FROM queue \
         WHERE queue.task_queue IS NOT NULL), \
         lane(task_queue, priority) AS (SELECT queue.task_queue, \
         (SELECT MAX(t.priority) {idle} AND t.task_queue = queue.task_queue) FROM queue \
         WHERE queue.task_queue IS NOT NULL UNION ALL SELECT lane.task_queue, \
         (SELECT MAX(t.priority) {idle} AND t.task_queue = lane.task_queue AND t.priority < lane.priority) \
         FROM lane WHERE lane.priority IS NOT NULL) \
         SELECT lane.task_queue, t.{column} AS task_type, COUNT(*) AS waiting, MIN(t.visible_at_ms) AS oldest \
         FROM {due} GROUP BY lane.task_queue, t.{column} ORDER BY oldest LIMIT {at_most}"
    )
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
            "SELECT run_id, namespace, workflow_id, workflow_type, task_queue FROM workflow_execution \
             WHERE {}",
            self.reader.dialect.any_of("run_id", 1)
        );
        let rows = self.reader.rows(sql, vec![json(run_ids)]).await?;
        let is_ours = |row: &&QueryResult| {
            row.try_get::<String>("", "namespace").is_ok_and(|found| found == namespace.as_str())
        };
        rows.iter()
            .filter(is_ours)
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

    /// The tasks that are due and that no worker has, by queue and type; no more than `at_most` rows of each kind. On
    /// PostgreSQL only the [`LANE_TASKS_MAX`] of each queue and priority that wait longest count: what no worker takes
    /// comes to be among those.
    pub(crate) async fn waiting_tasks(
        &self,
        namespace: &Namespace,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Vec<WaitingTasks>, Error> {
        let mut waiting = Vec::new();
        for kind in [TaskKind::Workflow, TaskKind::Activity] {
            let sql = waiting_of(self.reader.dialect, kind, at_most);
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

    /// The identities of some workers, as far as their rows are still there.
    pub(crate) async fn worker_identities(
        &self,
        worker_ids: &[WorkerId],
    ) -> Result<BTreeMap<WorkerId, String>, Error> {
        let rows = worker::Entity::find()
            .filter(self.reader.dialect.among("worker.worker_id", worker_ids))
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|row| (WorkerId(row.worker_id), row.identity)).collect())
    }
}
