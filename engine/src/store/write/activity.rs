//! Ends of activity attempts that do not go through a step of their run: retries, and the reports of workers
//! that do not hold the run.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use uuid::Uuid;

use super::{
    Operation,
    message::{self, NewMessage},
    step::{ActivityLease, LEASE_COLUMNS, delete_activities},
};
use crate::{
    clock::Timestamp,
    ids::EventId,
    store::{
        Wake,
        sql::{Tx, json},
    },
};

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) struct ActivityReport {
    pub(crate) lease: ActivityLease,
    pub(crate) end: AttemptEnd,
    pub(crate) now: Timestamp,
}

/// What follows the end of an attempt.
#[derive(Debug, Clone)]
pub(crate) enum AttemptEnd {
    /// Another attempt, with what the last heartbeats said.
    Retry { visible_at: Timestamp, failure: String, checkpoint: Option<String> },
    /// The same attempt again, as if it had not begun: its worker stops before it could do anything.
    GiveBack { checkpoint: Option<String> },
    /// The activity has ended; the run gets this message.
    Close { kind: &'static str, body: String },
}

/// Whether the report was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReportOutput {
    /// Accepted; whom to wake for it.
    Accepted(Option<Wake>),
    /// The attempt is not the reporter's any more.
    Refused,
}

impl Operation for ActivityReport {
    type Output = ReportOutput;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<ReportOutput>, DbErr>> {
        Box::pin(apply(tx, items))
    }
}

async fn apply(tx: Tx<'_>, items: &[ActivityReport]) -> Result<Vec<ReportOutput>, DbErr> {
    let held = held(tx, items).await?;
    let mut outputs: HashMap<(Uuid, EventId), ReportOutput> = HashMap::new();
    let mut messages: Vec<NewMessage> = Vec::new();
    let mut closed: Vec<ActivityLease> = Vec::new();
    for item in items {
        let key = (item.lease.run_id.0, item.lease.scheduled_event_id);
        let Some(task_queue) = held.get(&key) else { continue };
        let AttemptEnd::Close { kind, body } = &item.end else {
            again(tx, item).await?;
            outputs.insert(key, ReportOutput::Accepted(Some(Wake::of(None, task_queue))));
            continue;
        };
        closed.push(item.lease);
        messages.push(NewMessage { run_id: item.lease.run_id, kind, body: body.clone(), now: item.now });
    }
    delete_activities(tx, &closed).await?;
    if !messages.is_empty() {
        let wakes = message::apply(tx, &messages).await?;
        for (lease, wake) in closed.iter().zip(wakes) {
            outputs.insert((lease.run_id.0, lease.scheduled_event_id), ReportOutput::Accepted(wake));
        }
    }
    Ok(items
        .iter()
        .map(|item| {
            let key = (item.lease.run_id.0, item.lease.scheduled_event_id);
            outputs.get(&key).cloned().unwrap_or(ReportOutput::Refused)
        })
        .collect())
}

/// The attempts that are still their reporters', with the queues of their activities.
async fn held(tx: Tx<'_>, items: &[ActivityReport]) -> Result<HashMap<(Uuid, EventId), String>, DbErr> {
    let leases: Vec<_> = items
        .iter()
        .map(|item| {
            serde_json::json!({
                "run_id": item.lease.run_id,
                "scheduled_event_id": item.lease.scheduled_event_id,
                "attempt": item.lease.attempt,
                "owner": item.lease.owner,
            })
        })
        .collect();
    let sql = format!(
        "SELECT a.run_id, a.scheduled_event_id, a.task_queue FROM {rows} JOIN activity_task a \
         ON a.run_id = v.run_id AND a.scheduled_event_id = v.scheduled_event_id AND a.attempt = v.attempt \
         AND a.owner IS NOT DISTINCT FROM v.owner {lock}",
        rows = tx.dialect.rows(1, LEASE_COLUMNS),
        lock = tx.dialect.lock_a(),
    );
    let mut held = HashMap::new();
    for row in tx.query(sql, vec![json(&leases)]).await? {
        let key = (row.try_get("", "run_id")?, row.try_get("", "scheduled_event_id")?);
        held.insert(key, row.try_get("", "task_queue")?);
    }
    Ok(held)
}

async fn again(tx: Tx<'_>, item: &ActivityReport) -> Result<(), DbErr> {
    let (more, visible_at, failure, checkpoint) = match &item.end {
        AttemptEnd::Retry { visible_at, failure, checkpoint } => {
            (1, *visible_at, Some(failure.clone()), checkpoint.clone())
        }
        AttemptEnd::GiveBack { checkpoint } => (0, item.now, None, checkpoint.clone()),
        AttemptEnd::Close { .. } => return Ok(()),
    };
    tx.execute(
        "UPDATE activity_task SET attempt = attempt + $1, visible_at_ms = $2, owner = NULL, \
         lease_expires_at_ms = NULL, started_at_ms = NULL, last_failure = COALESCE($3, last_failure), \
         checkpoint = COALESCE($4, checkpoint) WHERE run_id = $5 AND scheduled_event_id = $6"
            .to_owned(),
        vec![
            more.into(),
            visible_at.0.into(),
            failure.into(),
            checkpoint.into(),
            item.lease.run_id.0.into(),
            item.lease.scheduled_event_id.into(),
        ],
    )
    .await?;
    Ok(())
}
