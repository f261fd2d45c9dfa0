//! Task queues, as the tasks and workers say.

use std::{collections::BTreeMap, time::Duration};

use sea_orm::QueryResult;

use crate::{
    clock::Timestamp,
    ids::{Namespace, TaskQueue},
    model::TaskQueueInfo,
    store::{Error, Store},
};

impl Store {
    /// Every queue that has tasks or workers, by name.
    pub(crate) async fn task_queues(
        &self,
        namespace: &Namespace,
        now: Timestamp,
        workers_seen_within: Duration,
    ) -> Result<Vec<TaskQueueInfo>, Error> {
        let mut queues: BTreeMap<String, TaskQueueInfo> = BTreeMap::new();
        for table in ["workflow_task", "activity_task"] {
            // A run that waits for its activity or a timer does not wait for a worker.
            let sql = format!(
                "SELECT task_queue, COUNT(CASE WHEN owner IS NULL AND visible_at_ms <= $2 THEN 1 END) AS backlog, \
                 MIN(CASE WHEN owner IS NULL AND visible_at_ms <= $2 THEN visible_at_ms END) AS oldest, \
                 COUNT(owner) AS running FROM {table} WHERE namespace = $1 GROUP BY task_queue"
            );
            for row in self.reader.rows(sql, vec![namespace.as_str().into(), now.0.into()]).await? {
                add(&mut queues, &row)?;
            }
        }
        for worker in self.workers(namespace, workers_seen_within, now).await? {
            for queue in worker.task_queues {
                entry(&mut queues, queue.as_str()).workers += 1;
            }
        }
        Ok(queues.into_values().collect())
    }
}

fn add(queues: &mut BTreeMap<String, TaskQueueInfo>, row: &QueryResult) -> Result<(), Error> {
    let name: String = row.try_get("", "task_queue")?;
    let oldest: Option<i64> = row.try_get("", "oldest")?;
    let queue = entry(queues, &name);
    queue.backlog += row.try_get::<i64>("", "backlog")?;
    queue.running += row.try_get::<i64>("", "running")?;
    queue.oldest_since = [queue.oldest_since, oldest.map(Timestamp)].into_iter().flatten().min();
    Ok(())
}

fn entry<'a>(queues: &'a mut BTreeMap<String, TaskQueueInfo>, name: &str) -> &'a mut TaskQueueInfo {
    queues.entry(name.to_owned()).or_insert_with(|| TaskQueueInfo {
        name: TaskQueue::trusted(name),
        backlog: 0,
        oldest_since: None,
        running: 0,
        workers: 0,
    })
}
