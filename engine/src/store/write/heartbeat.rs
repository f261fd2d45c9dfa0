//! Heartbeats that are kept: checkpoints, and samples of the progress.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use super::{Locks, Operation, activity_task::ActivityLease};
use crate::{
    clock::Timestamp,
    ids::EventId,
    store::sql::{Kind, Tx, json},
};

/// A report of a running activity.
#[derive(Debug, Clone)]
pub(crate) struct StoredHeartbeat {
    pub(crate) lease: ActivityLease,
    pub(crate) sequence: i64,
    pub(crate) checkpoint: Option<String>,
    pub(crate) progress: Option<String>,
    pub(crate) at: Timestamp,
}

/// What the activity should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeartbeatOutput {
    /// Go on.
    Alive,
    /// It was asked to stop.
    CancelRequested,
    /// The attempt is not the reporter's any more, or the run has ended.
    Lost,
}

#[derive(Serialize)]
struct Row<'a> {
    run_id: Uuid,
    scheduled_event_id: EventId,
    attempt: u32,
    owner: Option<Uuid>,
    sequence: i64,
    checkpoint: Option<&'a str>,
    progress: Option<&'a str>,
    at: Timestamp,
}

impl Operation for StoredHeartbeat {
    type Output = HeartbeatOutput;

    fn size_bytes(&self) -> usize {
        [&self.checkpoint, &self.progress].into_iter().flatten().map(String::len).sum()
    }

    fn locks(&self, locks: &mut Locks) {
        locks.run(self.lease.run_id);
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<HeartbeatOutput>, DbErr>> {
        Box::pin(apply(tx, items))
    }
}

async fn apply(tx: Tx<'_>, items: &[StoredHeartbeat]) -> Result<Vec<HeartbeatOutput>, DbErr> {
    // An UPDATE takes each row once, so only the latest report of an attempt may take part.
    let mut latest: HashMap<ActivityLease, Row<'_>> = HashMap::new();
    for item in items {
        let before = latest.remove(&item.lease);
        let row = Row {
            run_id: item.lease.run_id.0,
            scheduled_event_id: item.lease.scheduled_event_id,
            attempt: item.lease.attempt,
            owner: item.lease.owner.map(|owner| owner.0),
            sequence: item.sequence,
            checkpoint: item.checkpoint.as_deref().or_else(|| before.as_ref().and_then(|row| row.checkpoint)),
            progress: item.progress.as_deref().or_else(|| before.as_ref().and_then(|row| row.progress)),
            at: item.at,
        };
        latest.insert(item.lease, row);
    }
    let source = tx.dialect.rows(
        1,
        &[
            ("run_id", Kind::Uuid),
            ("scheduled_event_id", Kind::BigInt),
            ("attempt", Kind::Int),
            ("owner", Kind::Uuid),
            ("sequence", Kind::BigInt),
            ("checkpoint", Kind::Text),
            ("progress", Kind::Text),
            ("at", Kind::BigInt),
        ],
    );
    let sql = format!(
        "UPDATE activity_task SET heartbeat_at_ms = v.at, heartbeat_sequence = v.sequence, \
         checkpoint = COALESCE(v.checkpoint, activity_task.checkpoint), \
         progress = COALESCE(v.progress, activity_task.progress) \
         FROM {source} WHERE activity_task.run_id = v.run_id \
         AND activity_task.scheduled_event_id = v.scheduled_event_id AND activity_task.attempt = v.attempt \
         AND activity_task.owner = v.owner \
         RETURNING activity_task.run_id, activity_task.scheduled_event_id, activity_task.attempt, activity_task.owner, \
         cancel_requested"
    );
    let mut rows: Vec<Row<'_>> = latest.into_values().collect();
    rows.sort_by_key(|row| (row.run_id, row.scheduled_event_id));
    let mut outputs: HashMap<ActivityLease, HeartbeatOutput> = HashMap::new();
    for row in tx.query(sql, vec![json(&rows)]).await? {
        let canceled: bool = row.try_get("", "cancel_requested")?;
        let output = if canceled { HeartbeatOutput::CancelRequested } else { HeartbeatOutput::Alive };
        outputs.insert(ActivityLease::read(&row)?, output);
    }
    let output = |item: &StoredHeartbeat| outputs.get(&item.lease).copied().unwrap_or(HeartbeatOutput::Lost);
    Ok(items.iter().map(output).collect())
}
