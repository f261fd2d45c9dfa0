//! Leases: renewing them, giving them back, and taking them from workers that were lost.

use std::collections::{HashMap, HashSet};

use futures_util::future::BoxFuture;
use sea_orm::{DbErr, Value};

use super::{Locks, Operation, Queue};
use crate::{
    chain,
    clock::Timestamp,
    ids::{EventId, RunId, WorkerId},
    store::{
        Error, Store,
        sql::{Tx, json},
    },
};

/// A worker is alive and keeps what it holds.
#[derive(Debug, Clone)]
pub(crate) struct RenewLeases {
    pub(crate) worker_id: WorkerId,
    pub(crate) now: Timestamp,
    pub(crate) lease_expires_at: Timestamp,
    pub(crate) slots_used: u32,
    pub(crate) draining: bool,
}

/// What the worker holds; anything else that it believes to hold, it has lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) runs: HashMap<RunId, HeldRun>,
    pub(crate) activities: HashMap<(RunId, EventId), HeldActivity>,
    /// The worker's own row is there.
    pub(crate) registered: bool,
    /// Some rows were left out: their leases end when they did.
    pub(crate) skipped: bool,
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

impl Operation for RenewLeases {
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

impl Store {
    /// Renews the leases of a worker.
    ///
    /// What another transaction has locked is passed over first, so that it holds up nothing else, and waited for then:
    /// a run that is busy all the time must not lose its lease by chance. What is still locked keeps the lease that it
    /// has; nobody can take it from the worker before it is unlocked.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn renew_leases(&self, renewal: RenewLeases) -> Result<Held, Error> {
        let rest =
            RenewLockedLeases { worker_id: renewal.worker_id, lease_expires_at: renewal.lease_expires_at };
        let held = self.write(renewal).await?;
        // What cannot be had in time is tried again by the next renewal.
        if held.skipped
            && let Err(error) = self.write(rest).await
        {
            tracing::debug!(error = %chain(&error), "leases of rows that are locked were not renewed");
        }
        Ok(held)
    }
}

/// Renews the leases of rows that were locked when [`RenewLeases`] passed over them.
#[derive(Debug, Clone)]
pub(crate) struct RenewLockedLeases {
    worker_id: WorkerId,
    lease_expires_at: Timestamp,
}

impl Operation for RenewLockedLeases {
    type Output = ();

    const QUEUE: Queue = Queue::Renewals;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<()>, DbErr>> {
        Box::pin(async move {
            for item in items {
                let values = vec![item.lease_expires_at.0.into(), item.worker_id.0.into()];
                extend(tx, Rows::Behind, &values).await?;
            }
            Ok(vec![(); items.len()])
        })
    }
}

async fn renew(tx: Tx<'_>, item: &RenewLeases) -> Result<Held, DbErr> {
    let mut held = Held::default();
    let values = vec![item.lease_expires_at.0.into(), item.worker_id.0.into()];
    let renewed = extend(tx, Rows::Free, &values).await?;
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
    held.skipped = renewed < (held.runs.len() + held.activities.len()) as u64;
    let seen = tx
        .execute(
            "UPDATE worker SET last_seen_at_ms = $1, slots_used = $2, draining = $3 WHERE worker_id = $4"
                .to_owned(),
            vec![item.now.0.into(), item.slots_used.into(), item.draining.into(), item.worker_id.0.into()],
        )
        .await?;
    held.registered = seen > 0;
    Ok(held)
}

/// Which rows of a worker are written.
#[derive(Clone, Copy)]
enum Rows {
    /// All that nobody else has locked.
    Free,
    /// Those that are behind. A run is waited for; an activity is locked for moments only, unless its run is.
    Behind,
}

/// Writes the end of the leases of a worker, runs in the order of their IDs; returns how many.
async fn extend(tx: Tx<'_>, rows: Rows, values: &[Value]) -> Result<u64, DbErr> {
    let (behind, run_lock) = match rows {
        Rows::Free => ("", tx.dialect.skip_locked()),
        Rows::Behind => ("AND lease_expires_at_ms < $1", tx.dialect.lock_a()),
    };
    let mut extended = 0;
    for (table, key, lock) in [
        ("workflow_task", "run_id", run_lock),
        ("activity_task", "run_id, scheduled_event_id", tx.dialect.skip_locked()),
    ] {
        let sql = format!(
            "WITH mine AS MATERIALIZED (SELECT {key} FROM {table} AS a WHERE owner = $2 {behind} ORDER BY {key} {lock}) \
             UPDATE {table} SET lease_expires_at_ms = $1 WHERE ({key}) IN (SELECT {key} FROM mine)"
        );
        extended += tx.execute(sql, values.to_vec()).await?;
    }
    Ok(extended)
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

/// Takes workflow tasks from workers whose leases are over, and makes them due.
#[derive(Debug, Clone)]
pub(crate) struct RescueWorkflowTasks {
    pub(crate) now: Timestamp,
    pub(crate) which: Rescue,
}

/// Whose workflow tasks are taken.
#[derive(Debug, Clone)]
pub(crate) enum Rescue {
    /// Those whose lease is over.
    Expired,
    /// All of a worker that stops.
    Worker(WorkerId),
    /// Some of a worker that finds itself holding what it does not work on.
    Runs(WorkerId, Vec<RunId>),
    /// All but those of these workers: no other process can be alive.
    AllExcept(Vec<WorkerId>),
}

impl Operation for RescueWorkflowTasks {
    /// The queues that have something due now.
    type Output = HashSet<String>;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Self::Output>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(rescue(tx, item).await?);
            }
            Ok(outputs)
        })
    }
}

async fn rescue(tx: Tx<'_>, item: &RescueWorkflowTasks) -> Result<HashSet<String>, DbErr> {
    let (whose, values) = match &item.which {
        Rescue::Expired => ("owner IS NOT NULL AND lease_expires_at_ms < $1".to_owned(), vec![]),
        Rescue::Worker(worker_id) => ("owner = $2".to_owned(), vec![worker_id.0.into()]),
        Rescue::Runs(worker_id, runs) => (
            format!("owner = $2 AND run_id IN ({})", tx.dialect.uuids(3)),
            vec![worker_id.0.into(), json(runs)],
        ),
        // Nothing is not in an empty list, so what has no owner must be left out by name.
        Rescue::AllExcept(alive) => {
            (format!("owner IS NOT NULL AND owner NOT IN ({})", tx.dialect.uuids(2)), vec![json(alive)])
        }
    };
    let sql = format!(
        "UPDATE workflow_task SET owner = NULL, lease_expires_at_ms = NULL, visible_at_ms = $1 WHERE run_id IN \
         (SELECT run_id FROM workflow_task WHERE {whose} {skip}) RETURNING task_queue",
        skip = tx.dialect.skip_locked(),
    );
    let values = std::iter::once(item.now.0.into()).chain(values).collect();
    tx.query(sql, values).await?.iter().map(|row| row.try_get("", "task_queue")).collect()
}

/// Deletes the row of a stopped worker.
#[derive(Debug, Clone)]
pub(crate) struct RemoveWorkers {
    /// This one, or `None`: all that were last seen before `seen_before`.
    pub(crate) worker_id: Option<WorkerId>,
    pub(crate) seen_before: Timestamp,
}

impl Operation for RemoveWorkers {
    type Output = ();

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<()>, DbErr>> {
        Box::pin(async move {
            for item in items {
                match item.worker_id {
                    Some(worker_id) => {
                        let ids = json(&[worker_id]);
                        let sql = format!("DELETE FROM worker WHERE worker_id IN ({})", tx.dialect.uuids(1));
                        tx.execute(sql, vec![ids]).await?;
                    }
                    None => {
                        let sql = format!(
                            "DELETE FROM worker WHERE worker_id IN \
                             (SELECT worker_id FROM worker WHERE last_seen_at_ms < $1 {})",
                            tx.dialect.skip_locked()
                        );
                        tx.execute(sql, vec![item.seen_before.0.into()]).await?;
                    }
                }
            }
            Ok(vec![(); items.len()])
        })
    }
}

/// A worker comes: its row and the rows of its workflow types.
#[derive(Debug, Clone)]
pub(crate) struct RegisterWorker {
    pub(crate) worker: ctutor_entity::worker::Model,
    pub(crate) types: Vec<ctutor_entity::workflow_type::Model>,
}

impl Operation for RegisterWorker {
    type Output = ();

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<()>, DbErr>> {
        Box::pin(async move {
            for item in items {
                register(tx, item).await?;
            }
            Ok(vec![(); items.len()])
        })
    }
}

async fn register(tx: Tx<'_>, item: &RegisterWorker) -> Result<(), DbErr> {
    use ctutor_entity::{worker, workflow_type};
    use sea_orm::{EntityTrait, IntoActiveModel, sea_query::OnConflict};

    let replaced = [
        worker::Column::TaskQueues,
        worker::Column::WorkflowTypes,
        worker::Column::ActivityTypes,
        worker::Column::Slots,
        worker::Column::LastSeenAtMs,
    ];
    worker::Entity::insert(item.worker.clone().into_active_model())
        .on_conflict(OnConflict::column(worker::Column::WorkerId).update_columns(replaced).to_owned())
        .exec_without_returning(tx.inner)
        .await?;
    let mut types: Vec<_> = item.types.iter().collect();
    types.sort_by_key(|workflow_type| (&workflow_type.namespace, &workflow_type.name));
    for workflow_type in types {
        let replaced = [
            workflow_type::Column::Description,
            workflow_type::Column::TaskQueue,
            workflow_type::Column::ExecutionTimeoutMs,
            workflow_type::Column::InputSchema,
            workflow_type::Column::ResultSchema,
            workflow_type::Column::UpdatedAtMs,
        ];
        let key = [workflow_type::Column::Namespace, workflow_type::Column::Name];
        workflow_type::Entity::insert(workflow_type.clone().into_active_model())
            .on_conflict(OnConflict::columns(key).update_columns(replaced).to_owned())
            .exec_without_returning(tx.inner)
            .await?;
    }
    Ok(())
}
