//! Rescue: what lost workers held becomes due again.
//!
//! A worker is lost when its lease is over by the clock of the database. That is judged where it is acted upon, in the
//! transaction that takes something from the worker, and under the lock of the worker's row, so that no renewal comes in
//! between: it was there before, and the worker is not lost, or it waits and finds what is gone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::future::BoxFuture;
use sea_orm::{DbErr, Value};

use super::Operation;
use crate::{
    clock::Timestamp,
    ids::{RunId, WorkerId},
    store::sql::{Dialect, Tx, json},
};

/// Most runs that one transaction takes from lost workers.
const RUNS_MAX: usize = 500;
/// How long a process has for taking over from a worker before another one tries, in milliseconds.
const TAKEOVER_MS: i64 = 5_000;

/// Takes workflow tasks from their workers, and makes them due.
#[derive(Debug, Clone)]
pub(crate) struct RescueWorkflowTasks {
    pub(crate) now: Timestamp,
    pub(crate) which: Rescue,
}

/// Whose workflow tasks are taken.
#[derive(Debug, Clone)]
pub(crate) enum Rescue {
    /// Of workers whose leases are over, and from which no other process takes over; [`RUNS_MAX`] at a time.
    Lost(Vec<WorkerId>),
    /// The rest of what was left of them.
    Rest(Vec<WorkerId>),
    /// Of workers that cannot be alive, whatever their leases say; [`RUNS_MAX`] at a time.
    Dead(Vec<WorkerId>),
    /// All of a worker that stops.
    Worker(WorkerId),
    /// Some of a worker that finds itself holding what it does not work on.
    Runs(WorkerId, Vec<RunId>),
}

/// What was taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rescued {
    /// The workers from which this process takes over.
    pub(crate) workers: Vec<WorkerId>,
    /// The queues that have something due now.
    pub(crate) queues: HashSet<String>,
    /// How many runs each worker held.
    pub(crate) runs: BTreeMap<WorkerId, usize>,
    /// Some may be left.
    pub(crate) more: bool,
}

impl Operation for RescueWorkflowTasks {
    type Output = Rescued;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Rescued>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(rescue(tx, item).await?);
            }
            Ok(outputs)
        })
    }
}

async fn rescue(tx: Tx<'_>, item: &RescueWorkflowTasks) -> Result<Rescued, DbErr> {
    let (workers, limit) = match &item.which {
        Rescue::Lost(workers) => (take_over(tx, workers, item.now).await?, RUNS_MAX),
        Rescue::Rest(workers) => (lost(tx, workers, item.now).await?.into_iter().collect(), RUNS_MAX),
        Rescue::Dead(workers) => (workers.clone(), RUNS_MAX),
        Rescue::Worker(worker_id) | Rescue::Runs(worker_id, _) => (vec![*worker_id], usize::MAX),
    };
    let mut rescued = Rescued { workers, ..Rescued::default() };
    if rescued.workers.is_empty() {
        return Ok(rescued);
    }
    let mut values = vec![json(&rescued.workers)];
    let which = match &item.which {
        Rescue::Lost(_) | Rescue::Rest(_) => {
            format!("AND {}", is_over(&tx.dialect.lease_clock(item.now, &mut values)))
        }
        Rescue::Runs(_, runs) => {
            values.push(json(runs));
            format!("AND {}", tx.dialect.any_of("run_id", 2))
        }
        Rescue::Dead(_) | Rescue::Worker(_) => String::new(),
    };
    let sql = format!(
        "SELECT run_id, owner, task_queue FROM workflow_task WHERE {of_workers} {which} ORDER BY run_id \
         LIMIT {limit} {skip}",
        of_workers = tx.dialect.any_of("owner", 1),
        limit = i64::try_from(limit).unwrap_or(i64::MAX),
        skip = tx.dialect.skip_locked(),
    );
    let mut runs: Vec<RunId> = Vec::new();
    for row in tx.query(sql, values).await? {
        runs.push(RunId(row.try_get("", "run_id")?));
        rescued.queues.insert(row.try_get("", "task_queue")?);
        *rescued.runs.entry(WorkerId(row.try_get("", "owner")?)).or_default() += 1;
    }
    rescued.more = runs.len() >= limit;
    if !runs.is_empty() {
        let sql = format!(
            "UPDATE workflow_task SET owner = NULL, lease_expires_at_ms = NULL, visible_at_ms = {due} WHERE {these}",
            due = tx.dialect.by_now("$1"),
            these = tx.dialect.any_of("run_id", 2),
        );
        tx.execute(sql, vec![item.now.0.into(), json(&runs)]).await?;
    }
    Ok(rescued)
}

/// A lease is over, or there is none: the row has one only if the former version wrote it.
pub(in crate::store) fn is_over(clock: &str) -> String {
    format!("(lease_expires_at_ms IS NULL OR lease_expires_at_ms < {clock})")
}

/// Makes this process the one that takes over from those of the workers that are lost, and returns them. Others that find
/// the same workers let them be.
async fn take_over(tx: Tx<'_>, workers: &[WorkerId], now: Timestamp) -> Result<Vec<WorkerId>, DbErr> {
    let mut lost = without_row(tx, workers).await?;
    let mut values = vec![json(workers), TAKEOVER_MS.into()];
    let clock = tx.dialect.lease_clock(now, &mut values);
    let sql = format!(
        "UPDATE worker SET takeover_ends_at_ms = {clock} + $2 WHERE worker_id IN \
         (SELECT worker_id FROM worker WHERE {these} AND {is_over} \
         AND (takeover_ends_at_ms IS NULL OR takeover_ends_at_ms < {clock}) ORDER BY worker_id {skip}) \
         RETURNING worker_id",
        these = tx.dialect.any_of("worker_id", 1),
        is_over = is_over(&clock),
        skip = tx.dialect.skip_locked(),
    );
    add(&mut lost, tx, sql, values).await?;
    Ok(lost.into_iter().collect())
}

/// Those of the workers that are lost; none of them renews its lease before this transaction ends.
pub(super) async fn lost(
    tx: Tx<'_>,
    workers: &[WorkerId],
    now: Timestamp,
) -> Result<BTreeSet<WorkerId>, DbErr> {
    if workers.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut lost = without_row(tx, workers).await?;
    let mut values = vec![json(workers)];
    let clock = tx.dialect.lease_clock(now, &mut values);
    let sql = format!(
        "SELECT worker_id FROM worker WHERE {these} AND {is_over} ORDER BY worker_id {skip}",
        these = tx.dialect.any_of("worker_id", 1),
        is_over = is_over(&clock),
        skip = tx.dialect.skip_locked(),
    );
    add(&mut lost, tx, sql, values).await?;
    Ok(lost)
}

/// Workers without a row have no lease either.
async fn without_row(tx: Tx<'_>, workers: &[WorkerId]) -> Result<BTreeSet<WorkerId>, DbErr> {
    let sql = format!("SELECT worker_id FROM worker WHERE {}", tx.dialect.any_of("worker_id", 1));
    let mut known = BTreeSet::new();
    add(&mut known, tx, sql, vec![json(workers)]).await?;
    Ok(workers.iter().filter(|worker| !known.contains(worker)).copied().collect())
}

async fn add(
    workers: &mut BTreeSet<WorkerId>,
    tx: Tx<'_>,
    sql: String,
    values: Vec<Value>,
) -> Result<(), DbErr> {
    for row in tx.query(sql, values).await? {
        workers.insert(WorkerId(row.try_get("", "worker_id")?));
    }
    Ok(())
}

/// The workers that hold something of a table and may be lost. It goes from owner to owner by the index, as workers are
/// few where their tasks may be many.
pub(in crate::store) fn holders(dialect: Dialect, table: &str, judged_by: Option<&str>) -> String {
    let judged = judged_by.map_or_else(String::new, |clock| {
        format!(
            "AND NOT EXISTS (SELECT 1 FROM worker AS w WHERE w.worker_id = held.owner \
             AND (w.lease_expires_at_ms >= {clock} OR w.takeover_ends_at_ms >= {clock}))"
        )
    });
    format!(
        "WITH RECURSIVE held(owner) AS (SELECT (SELECT t.owner FROM {table} AS t WHERE t.owner IS NOT NULL \
         ORDER BY t.owner LIMIT 1) UNION ALL SELECT (SELECT t.owner FROM {table} AS t WHERE t.owner > held.owner \
         ORDER BY t.owner LIMIT 1) FROM held WHERE held.owner IS NOT NULL) \
         SELECT held.owner FROM held WHERE held.owner IS NOT NULL AND held.owner NOT IN ({alive}) {judged}",
        alive = dialect.uuids(1),
    )
}
