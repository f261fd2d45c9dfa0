//! Ends of activity attempts that do not go through a step of their run: retries, and the reports of workers
//! that do not hold the run.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::BoxFuture;
use sea_orm::DbErr;

use super::{
    Locks, Operation,
    activity_task::{ActivityLease, LEASE_COLUMNS, LeaseRow, delete_activities},
    message::{self, NewMessage},
    rescue,
};
use crate::{
    clock::Timestamp,
    ids::WorkerId,
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
    pub(crate) reporter: Reporter,
}

/// Who says that an attempt has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reporter {
    /// Whoever it belongs to: its worker, or while it waits the queue.
    Owner,
    /// Somebody who takes over from its worker; refused if the worker has renewed its lease.
    TakesOver,
    /// Somebody who knows that its worker is dead.
    Undertaker,
}

/// What follows the end of an attempt.
#[derive(Debug, Clone)]
pub(crate) enum AttemptEnd {
    /// Another attempt, with what the last heartbeats said.
    Retry {
        visible_at: Timestamp,
        failure: String,
        checkpoint: Option<String>,
        /// When it times out, if no worker takes it before.
        expires_at: Option<Timestamp>,
    },
    /// The same attempt again, as if it had not begun: its worker stops before it could do anything.
    GiveBack { checkpoint: Option<String>, expires_at: Option<Timestamp> },
    /// The same attempt later, since what it needs cannot be read. Its deadline stays.
    PutOff { visible_at: Timestamp, failure: String },
    /// Another attempt at once: the worker was lost, which is not the activity's fault.
    Lost { failure: String, expires_at: Option<Timestamp> },
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

    fn size_bytes(&self) -> usize {
        match &self.end {
            AttemptEnd::Retry { failure, checkpoint, .. } => {
                failure.len() + checkpoint.as_ref().map_or(0, String::len)
            }
            AttemptEnd::GiveBack { checkpoint, .. } => checkpoint.as_ref().map_or(0, String::len),
            AttemptEnd::PutOff { failure, .. } | AttemptEnd::Lost { failure, .. } => failure.len(),
            AttemptEnd::Close { body, .. } => body.len(),
        }
    }

    fn locks(&self, locks: &mut Locks) {
        locks.run_with_activities(self.lease.run_id);
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<ReportOutput>, DbErr>> {
        Box::pin(apply(tx, items))
    }
}

async fn apply(tx: Tx<'_>, items: &[ActivityReport]) -> Result<Vec<ReportOutput>, DbErr> {
    let mut held = held(tx, items).await?;
    let taken_over = items.iter().filter(|item| item.reporter == Reporter::TakesOver);
    let owners: BTreeSet<WorkerId> = taken_over.filter_map(|item| item.lease.owner).collect();
    let now = items.first().map_or(Timestamp(0), |item| item.now);
    let lost = rescue::lost(tx, &owners.into_iter().collect::<Vec<_>>(), now).await?;
    let mut outputs: Vec<ReportOutput> = vec![ReportOutput::Refused; items.len()];
    let mut messages: Vec<NewMessage> = Vec::new();
    let mut closed: Vec<(usize, ActivityLease)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        // The first report of an attempt decides; a second one in the same batch finds it decided.
        let is_lost =
            |row: &HeldRow| row.is_over && item.lease.owner.is_some_and(|owner| lost.contains(&owner));
        if item.reporter == Reporter::TakesOver && !held.get(&item.lease).is_some_and(is_lost) {
            continue;
        }
        let Some(HeldRow { task_queue, .. }) = held.remove(&item.lease) else { continue };
        let AttemptEnd::Close { kind, body } = &item.end else {
            match &item.end {
                AttemptEnd::PutOff { visible_at, failure } => put_off(tx, item, *visible_at, failure).await?,
                _ => again(tx, item).await?,
            }
            outputs[index] = ReportOutput::Accepted(Some(Wake::of_activity(&task_queue)));
            continue;
        };
        closed.push((index, item.lease));
        messages.push(NewMessage { run_id: item.lease.run_id, kind, body: body.clone(), now: item.now });
    }
    let leases: Vec<ActivityLease> = closed.iter().map(|(_, lease)| *lease).collect();
    delete_activities(tx, &leases).await?;
    if !messages.is_empty() {
        let wakes = message::apply(tx, &messages).await?;
        for ((index, _), wake) in closed.iter().zip(wakes) {
            outputs[*index] = ReportOutput::Accepted(wake);
        }
    }
    Ok(outputs)
}

struct HeldRow {
    task_queue: String,
    /// It has no lease of its own, or one that is over.
    is_over: bool,
}

/// The attempts that are still as their reporters say.
async fn held(tx: Tx<'_>, items: &[ActivityReport]) -> Result<HashMap<ActivityLease, HeldRow>, DbErr> {
    let leases: Vec<LeaseRow> = items.iter().map(|item| LeaseRow::from(&item.lease)).collect();
    let mut values = vec![json(&leases)];
    let now = items.first().map_or(Timestamp(0), |item| item.now);
    let is_over = rescue::is_over(&tx.dialect.lease_clock(now, &mut values));
    let sql = format!(
        "SELECT a.run_id, a.scheduled_event_id, a.attempt, a.owner, a.task_queue, \
         CASE WHEN {is_over} THEN 1 ELSE 0 END AS is_over FROM {rows} \
         JOIN activity_task a ON a.run_id = v.run_id AND a.scheduled_event_id = v.scheduled_event_id \
         AND a.attempt = v.attempt AND a.owner IS NOT DISTINCT FROM v.owner {lock}",
        rows = tx.dialect.rows(1, LEASE_COLUMNS),
        lock = tx.dialect.lock_a(),
    );
    tx.query(sql, values)
        .await?
        .iter()
        .map(|row| {
            let is_over = row.try_get::<i32>("", "is_over")? != 0;
            Ok((ActivityLease::read(row)?, HeldRow { task_queue: row.try_get("", "task_queue")?, is_over }))
        })
        .collect()
}

async fn put_off(
    tx: Tx<'_>,
    item: &ActivityReport,
    visible_at: Timestamp,
    failure: &str,
) -> Result<(), DbErr> {
    tx.execute(
        "UPDATE activity_task SET visible_at_ms = $1, owner = NULL, lease_expires_at_ms = NULL, \
         started_at_ms = NULL, last_failure = $2 WHERE run_id = $3 AND scheduled_event_id = $4"
            .to_owned(),
        vec![
            visible_at.0.into(),
            failure.into(),
            item.lease.run_id.0.into(),
            item.lease.scheduled_event_id.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn again(tx: Tx<'_>, item: &ActivityReport) -> Result<(), DbErr> {
    let at_once = !matches!(item.end, AttemptEnd::Retry { .. });
    let (more, losses, visible_at, failure, checkpoint, expires_at) = match &item.end {
        AttemptEnd::Retry { visible_at, failure, checkpoint, expires_at } => {
            (1, 0, *visible_at, Some(failure.clone()), checkpoint.clone(), *expires_at)
        }
        AttemptEnd::GiveBack { checkpoint, expires_at } => {
            (0, 0, item.now, None, checkpoint.clone(), *expires_at)
        }
        AttemptEnd::Lost { failure, expires_at } => {
            (1, 1, item.now, Some(failure.clone()), None, *expires_at)
        }
        AttemptEnd::PutOff { .. } | AttemptEnd::Close { .. } => return Ok(()),
    };
    tx.execute(
        format!(
            "UPDATE activity_task SET attempt = attempt + $1, visible_at_ms = {visible_at}, owner = NULL, \
             lease_expires_at_ms = NULL, started_at_ms = NULL, last_failure = COALESCE($3, last_failure), \
             checkpoint = COALESCE($4, checkpoint), expires_at_ms = $5, worker_losses = worker_losses + $6 \
             WHERE run_id = $7 AND scheduled_event_id = $8",
            visible_at = if at_once { tx.dialect.by_now("$2") } else { "$2".to_owned() },
        ),
        vec![
            more.into(),
            visible_at.0.into(),
            failure.into(),
            checkpoint.into(),
            expires_at.map(|at| at.0).into(),
            losses.into(),
            item.lease.run_id.0.into(),
            item.lease.scheduled_event_id.into(),
        ],
    )
    .await?;
    Ok(())
}
