//! Claims: a worker takes due tasks of its queues.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sea_orm::{DbErr, QueryResult, Value};
use uuid::Uuid;

use super::Operation;
use crate::{
    clock::Timestamp,
    ids::{ActivityType, EventId, RunId, WorkerId},
    store::sql::{Tx, json},
};

/// Asks for due workflow tasks.
#[derive(Debug, Clone)]
pub(crate) struct ClaimWorkflowTasks(pub(crate) Claim);

/// Asks for due activity tasks.
#[derive(Debug, Clone)]
pub(crate) struct ClaimActivityTasks(pub(crate) Claim);

/// Who takes what.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) worker_id: WorkerId,
    pub(crate) worker_identity: String,
    pub(crate) namespace: String,
    /// Served in this order: a queue is looked at when those before it have nothing due.
    pub(crate) task_queues: Vec<String>,
    /// Only what the worker knows.
    pub(crate) types: Vec<String>,
    pub(crate) at_most: u32,
    pub(crate) now: Timestamp,
}

/// A workflow task that the worker now holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimedWorkflowTask {
    pub(crate) run_id: RunId,
    pub(crate) epoch: i64,
    pub(crate) next_event_id: EventId,
    /// Number of the last message that was put into the inbox.
    pub(crate) inbox_sequence: i64,
    /// How many messages are in the inbox.
    pub(crate) unread_messages: i64,
    pub(crate) priority: i32,
    pub(crate) attempt: u32,
}

/// An activity task that the worker now holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimedActivityTask {
    pub(crate) run_id: RunId,
    pub(crate) scheduled_event_id: EventId,
    pub(crate) activity_type: ActivityType,
    pub(crate) attempt: u32,
    pub(crate) worker_losses: u32,
    pub(crate) cancel_requested: bool,
    pub(crate) checkpoint: Option<String>,
    pub(crate) last_failure: Option<String>,
    pub(crate) scheduled_at: Timestamp,
}

impl Operation for ClaimWorkflowTasks {
    type Output = Vec<ClaimedWorkflowTask>;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Self::Output>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                let mut claimed = workflow_tasks(tx, &item.0).await?;
                count_messages(tx, &mut claimed).await?;
                outputs.push(claimed);
            }
            Ok(outputs)
        })
    }
}

impl Operation for ClaimActivityTasks {
    type Output = Vec<ClaimedActivityTask>;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Self::Output>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(activity_tasks(tx, &item.0).await?);
            }
            Ok(outputs)
        })
    }
}

/// One statement a queue, so that each can walk its part of the index in order and stop early. The rows are chosen
/// before the update, once: a sub-query could be evaluated again and take more than was asked for.
async fn workflow_tasks(tx: Tx<'_>, claim: &Claim) -> Result<Vec<ClaimedWorkflowTask>, DbErr> {
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT run_id FROM workflow_task WHERE namespace = $3 AND task_queue = $4 \
         AND workflow_type IN ({types}) AND owner IS NULL AND visible_at_ms <= $6 \
         ORDER BY priority DESC, visible_at_ms LIMIT $7 {skip}) \
         UPDATE workflow_task SET owner = $1, epoch = epoch + 1, lease_expires_at_ms = NULL, visible_at_ms = $2 \
         WHERE run_id IN (SELECT run_id FROM due) \
         RETURNING run_id, epoch, next_event_id, inbox_sequence, priority, attempt",
        types = tx.dialect.texts(5),
        skip = tx.dialect.skip_locked(),
    );
    take(tx, claim, &sql, Timestamp::NEVER.0.into(), |row| {
        Ok(ClaimedWorkflowTask {
            run_id: RunId(row.try_get::<Uuid>("", "run_id")?),
            epoch: row.try_get("", "epoch")?,
            next_event_id: row.try_get("", "next_event_id")?,
            inbox_sequence: row.try_get("", "inbox_sequence")?,
            unread_messages: 0,
            priority: row.try_get("", "priority")?,
            attempt: attempt(row.try_get("", "attempt")?),
        })
    })
    .await
}

/// How many messages the runs have, for whoever reads them later and elsewhere. Senders and consumers of messages lock
/// the rows that the claim has locked, so this second statement sees exactly what belongs to `inbox_sequence`.
async fn count_messages(tx: Tx<'_>, claimed: &mut [ClaimedWorkflowTask]) -> Result<(), DbErr> {
    let with_inbox = claimed.iter().filter(|task| task.inbox_sequence > 0);
    let run_ids: Vec<RunId> = with_inbox.map(|task| task.run_id).collect();
    if run_ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT run_id, COUNT(*) AS unread FROM message WHERE run_id IN ({}) GROUP BY run_id",
        tx.dialect.uuids(1)
    );
    let mut unread: HashMap<Uuid, i64> = HashMap::new();
    for row in tx.query(sql, vec![json(&run_ids)]).await? {
        unread.insert(row.try_get("", "run_id")?, row.try_get("", "unread")?);
    }
    for task in claimed {
        task.unread_messages = unread.get(&task.run_id.0).copied().unwrap_or(0);
    }
    Ok(())
}

async fn activity_tasks(tx: Tx<'_>, claim: &Claim) -> Result<Vec<ClaimedActivityTask>, DbErr> {
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT run_id, scheduled_event_id FROM activity_task \
         WHERE namespace = $3 AND task_queue = $4 AND activity_type IN ({types}) AND owner IS NULL \
         AND visible_at_ms <= $6 AND (expires_at_ms IS NULL OR expires_at_ms > $6) \
         ORDER BY priority DESC, visible_at_ms LIMIT $7 {skip}) \
         UPDATE activity_task SET owner = $1, lease_expires_at_ms = NULL, worker_identity = $2, started_at_ms = $6, \
         heartbeat_sequence = 0, heartbeat_at_ms = NULL, progress = NULL \
         WHERE (run_id, scheduled_event_id) IN (SELECT run_id, scheduled_event_id FROM due) \
         RETURNING run_id, scheduled_event_id, activity_type, attempt, worker_losses, cancel_requested, checkpoint, \
         last_failure, scheduled_at_ms",
        types = tx.dialect.texts(5),
        skip = tx.dialect.skip_locked(),
    );
    take(tx, claim, &sql, claim.worker_identity.clone().into(), |row| {
        Ok(ClaimedActivityTask {
            run_id: RunId(row.try_get::<Uuid>("", "run_id")?),
            scheduled_event_id: row.try_get("", "scheduled_event_id")?,
            activity_type: ActivityType::trusted(row.try_get::<String>("", "activity_type")?),
            attempt: attempt(row.try_get("", "attempt")?),
            worker_losses: attempt(row.try_get("", "worker_losses")?),
            cancel_requested: row.try_get("", "cancel_requested")?,
            checkpoint: row.try_get("", "checkpoint")?,
            last_failure: row.try_get("", "last_failure")?,
            scheduled_at: Timestamp(row.try_get("", "scheduled_at_ms")?),
        })
    })
    .await
}

/// Runs a statement queue by queue until there is enough. Its parameters: worker, what this kind of task wants besides,
/// namespace, queue, types, now, how many.
async fn take<T>(
    tx: Tx<'_>,
    claim: &Claim,
    sql: &str,
    besides: Value,
    read: fn(&QueryResult) -> Result<T, DbErr>,
) -> Result<Vec<T>, DbErr> {
    let mut claimed = Vec::new();
    for queue in &claim.task_queues {
        let left = i64::from(claim.at_most) - i64::try_from(claimed.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        let values = vec![
            claim.worker_id.0.into(),
            besides.clone(),
            claim.namespace.clone().into(),
            queue.clone().into(),
            json(&claim.types),
            claim.now.0.into(),
            left.into(),
        ];
        for row in tx.query(sql.to_owned(), values).await? {
            claimed.push(read(&row)?);
        }
    }
    Ok(claimed)
}

/// Attempts are counted from zero upwards, so a negative one cannot be stored.
pub(in crate::store) fn attempt(stored: i32) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}
