//! Leases: a worker renews its own, and gives back what it cannot do.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;

use super::{Locks, Operation, Queue};
use crate::{
    clock::{Timestamp, millis},
    ids::{EventId, RunId, WorkerId},
    store::sql::Tx,
};

/// A worker is alive and keeps all that names it.
#[derive(Debug, Clone)]
pub(crate) struct RenewLease {
    pub(crate) worker_id: WorkerId,
    /// The time of this process, by which leases in a file go.
    pub(crate) now: Timestamp,
    pub(crate) lasts: Duration,
    pub(crate) slots_used: u32,
    pub(crate) draining: bool,
    /// How far the clock of the worker's machine is ahead of that of the database, if that is known.
    pub(crate) clock_offset_ms: Option<i64>,
}

/// What the worker holds; anything else that it believes to hold, it has lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) runs: HashMap<RunId, HeldRun>,
    /// Activities: the run and the event that scheduled it.
    pub(crate) activities: HashMap<(RunId, EventId), HeldActivity>,
    /// The worker's own row is there.
    pub(crate) registered: bool,
}

/// A run that a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldRun {
    pub(crate) epoch: i64,
    /// Number of the last message in its inbox.
    pub(crate) inbox_sequence: i64,
}

/// An attempt that a worker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldActivity {
    pub(crate) attempt: u32,
    pub(crate) cancel_requested: bool,
    /// When the activity was scheduled, from which its deadlines count.
    pub(crate) scheduled_at: Timestamp,
}

impl Operation for RenewLease {
    type Output = Held;

    const QUEUE: Queue = Queue::Renewals;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Held>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(renew(tx, item).await?);
            }
            Ok(outputs)
        })
    }
}

/// The lease first: whoever takes over from the worker locks its row, so what is read then is either still the worker's
/// for as long as the lease lasts, or already gone.
async fn renew(tx: Tx<'_>, item: &RenewLease) -> Result<Held, DbErr> {
    let mut values = vec![
        item.slots_used.into(),
        item.draining.into(),
        millis(item.lasts).into(),
        item.worker_id.0.into(),
        item.clock_offset_ms.into(),
    ];
    let clock = tx.dialect.lease_clock(item.now, &mut values);
    let renew = format!(
        "UPDATE worker SET last_seen_at_ms = {clock}, lease_expires_at_ms = {clock} + $3, \
         takeover_ends_at_ms = NULL, slots_used = $1, draining = $2, clock_offset_ms = $5 WHERE worker_id = $4"
    );
    let mut held = Held { registered: tx.execute(renew, values).await? > 0, ..Held::default() };
    let owner = || vec![item.worker_id.0.into()];
    let runs = "SELECT run_id, epoch, inbox_sequence FROM workflow_task WHERE owner = $1";
    for row in tx.query(runs.to_owned(), owner()).await? {
        let run =
            HeldRun { epoch: row.try_get("", "epoch")?, inbox_sequence: row.try_get("", "inbox_sequence")? };
        held.runs.insert(RunId(row.try_get("", "run_id")?), run);
    }
    let activities = "SELECT run_id, scheduled_event_id, attempt, cancel_requested, scheduled_at_ms FROM activity_task \
         WHERE owner = $1";
    for row in tx.query(activities.to_owned(), owner()).await? {
        let key = (RunId(row.try_get("", "run_id")?), row.try_get("", "scheduled_event_id")?);
        let activity = HeldActivity {
            attempt: super::claim::attempt(row.try_get("", "attempt")?),
            cancel_requested: row.try_get("", "cancel_requested")?,
            scheduled_at: Timestamp(row.try_get("", "scheduled_at_ms")?),
        };
        held.activities.insert(key, activity);
    }
    Ok(held)
}

/// Gives a run back that its worker could not do: the code and the history disagree, for example.
#[derive(Debug, Clone)]
pub(crate) struct FailWorkflowTask {
    pub(crate) run_id: RunId,
    pub(crate) owner: WorkerId,
    pub(crate) epoch: i64,
    pub(crate) failure: String,
    pub(crate) visible_at: Timestamp,
}

impl Operation for FailWorkflowTask {
    /// Whether the run was the sender's to give back.
    type Output = bool;

    fn locks(&self, locks: &mut Locks) {
        locks.run(self.run_id);
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<bool>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(fail(tx, item).await?);
            }
            Ok(outputs)
        })
    }
}

async fn fail(tx: Tx<'_>, item: &FailWorkflowTask) -> Result<bool, DbErr> {
    let sql = "UPDATE workflow_task SET owner = NULL, lease_expires_at_ms = NULL, attempt = attempt + 1, \
               failure = $1, visible_at_ms = $2 WHERE run_id = $3 AND owner = $4 AND epoch = $5";
    let values = vec![
        item.failure.clone().into(),
        item.visible_at.0.into(),
        item.run_id.0.into(),
        item.owner.0.into(),
        item.epoch.into(),
    ];
    Ok(tx.execute(sql.to_owned(), values).await? > 0)
}
