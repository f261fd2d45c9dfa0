//! Ends that come from outside: termination, the execution timeout, cancellation of a run that has come to nothing
//! yet, and deletion of one that has ended.

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use uuid::Uuid;

use super::{
    Locks, Operation,
    execution::{ExecutionRow, OpenRows, append_events, write_executions},
    message::{self, NewMessage},
};
use crate::{
    clock::Timestamp,
    history::{
        EncodedEvent, EventAttributes, HistoryEvent, WorkflowExecutionCancelRequested,
        WorkflowExecutionCanceled,
    },
    ids::{EventId, RunId, WorkerId},
    store::{
        Wake,
        sql::{Dialect, Tx, json},
    },
};

/// Ends an open run at once. The lease is taken from its holder, so that no worker can append.
#[derive(Debug, Clone)]
pub(crate) struct CloseRun {
    pub(crate) run_id: RunId,
    pub(crate) status: &'static str,
    pub(crate) event: EventAttributes,
    /// JSON of a [`crate::failure::Failure`].
    pub(crate) failure: Option<String>,
    pub(crate) now: Timestamp,
}

/// Whether a run was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseOutput {
    /// It was; this worker, if any, held it.
    Closed { worker: Option<WorkerId>, last_event_id: EventId },
    /// It had ended before, or never was.
    NotOpen,
}

impl Operation for CloseRun {
    type Output = CloseOutput;

    fn locks(&self, locks: &mut Locks) {
        locks.run_with_activities(self.run_id);
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<CloseOutput>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(close(tx, item).await?);
            }
            Ok(outputs)
        })
    }
}

pub(super) async fn close(tx: Tx<'_>, item: &CloseRun) -> Result<CloseOutput, DbErr> {
    let Some(seized) = seize(tx, item.run_id).await? else {
        let ended = ended_before(tx, item.run_id, item.status, item.now).await?;
        let closed = |last_event_id| CloseOutput::Closed { worker: None, last_event_id };
        return Ok(ended.map_or(CloseOutput::NotOpen, closed));
    };
    let event =
        HistoryEvent { event_id: seized.next_event_id, time: item.now, attributes: item.event.clone() };
    end(tx, item.run_id, &[event], item.status, item.failure.clone()).await?;
    Ok(CloseOutput::Closed { worker: seized.owner, last_event_id: seized.next_event_id })
}

/// Asks a run to stop; ends it at once when no step of it was ever committed.
#[derive(Debug, Clone)]
pub(crate) struct CancelRun {
    pub(crate) run_id: RunId,
    pub(crate) request: WorkflowExecutionCancelRequested,
    pub(crate) now: Timestamp,
}

/// What became of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CancelOutput {
    /// The run will hear of it; whom to wake.
    Requested(Wake),
    /// The run had not come to anything and has ended now; this worker, if any, held it.
    Closed { worker: Option<WorkerId>, last_event_id: EventId },
    /// It was asked to stop before; whom to wake, as whoever asked before may not have learned it.
    AlreadyRequested(Wake),
    /// It had ended before, or never was.
    NotOpen,
}

impl Operation for CancelRun {
    type Output = CancelOutput;

    fn locks(&self, locks: &mut Locks) {
        locks.run_with_activities(self.run_id);
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<CancelOutput>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                outputs.push(cancel(tx, item).await?);
            }
            Ok(outputs)
        })
    }
}

async fn cancel(tx: Tx<'_>, item: &CancelRun) -> Result<CancelOutput, DbErr> {
    // Steps lock the workflow task before the execution; the other way round the two would wait for each other.
    let lock = format!(
        "SELECT a.owner, a.task_queue FROM workflow_task a WHERE a.run_id = $1 {}",
        tx.dialect.lock_a()
    );
    let task = tx.query(lock, vec![item.run_id.0.into()]).await?;
    let mark = "UPDATE workflow_execution SET cancel_requested = true \
                WHERE run_id = $1 AND closed_at_ms IS NULL AND NOT cancel_requested RETURNING started_at_ms";
    let marked = tx.query(mark.to_owned(), vec![item.run_id.0.into()]).await?;
    let Some(row) = marked.first() else {
        let Some(task) = task.first() else {
            let ended = ended_before(tx, item.run_id, "CANCELED", item.now).await?;
            let closed = |last_event_id| CancelOutput::Closed { worker: None, last_event_id };
            return Ok(ended.map_or(CancelOutput::NotOpen, closed));
        };
        let owner: Option<Uuid> = task.try_get("", "owner")?;
        let task_queue: String = task.try_get("", "task_queue")?;
        return Ok(CancelOutput::AlreadyRequested(Wake::of_run(owner.map(WorkerId), &task_queue)));
    };
    // The first step says that the run has started. Before it, whatever its holder is doing comes to nothing.
    let started_at: Option<i64> = row.try_get("", "started_at_ms")?;
    if started_at.is_none()
        && let Some(seized) = seize(tx, item.run_id).await?
    {
        let event = |event_id, attributes| HistoryEvent { event_id, time: item.now, attributes };
        let events = [
            event(seized.next_event_id, item.request.clone().into()),
            event(seized.next_event_id + 1, WorkflowExecutionCanceled {}.into()),
        ];
        end(tx, item.run_id, &events, "CANCELED", None).await?;
        return Ok(CancelOutput::Closed { worker: seized.owner, last_event_id: seized.next_event_id + 1 });
    }
    let body = EventAttributes::from(item.request.clone()).to_json();
    let message =
        NewMessage { run_id: item.run_id, kind: crate::store::CANCEL_REQUESTED, body, now: item.now };
    let wake = message::apply(tx, std::slice::from_ref(&message)).await?.pop().flatten();
    Ok(wake.map_or(CancelOutput::NotOpen, CancelOutput::Requested))
}

/// The last event of a run that has ended in this state at this instant: then it was this very request that ended it, by
/// a commit whose answer was lost. Who held the run is not known any more; its next renewal tells it.
async fn ended_before(
    tx: Tx<'_>,
    run_id: RunId,
    status: &'static str,
    at: Timestamp,
) -> Result<Option<EventId>, DbErr> {
    let sql = "SELECT history_length FROM workflow_execution WHERE run_id = $1 AND status = $2 AND closed_at_ms = $3";
    let rows = tx.query(sql.to_owned(), vec![run_id.0.into(), status.into(), at.0.into()]).await?;
    rows.first().map(|row| row.try_get("", "history_length")).transpose()
}

struct Seized {
    next_event_id: EventId,
    owner: Option<WorkerId>,
}

/// Takes the lease of a run from its holder.
async fn seize(tx: Tx<'_>, run_id: RunId) -> Result<Option<Seized>, DbErr> {
    let sql = "UPDATE workflow_task SET epoch = epoch + 1 WHERE run_id = $1 RETURNING next_event_id, owner"
        .to_owned();
    let rows = tx.query(sql, vec![run_id.0.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let owner: Option<Uuid> = row.try_get("", "owner")?;
    Ok(Some(Seized { next_event_id: row.try_get("", "next_event_id")?, owner: owner.map(WorkerId) }))
}

async fn end(
    tx: Tx<'_>,
    run_id: RunId,
    events: &[HistoryEvent],
    status: &'static str,
    failure: Option<String>,
) -> Result<(), DbErr> {
    let encoded: Vec<EncodedEvent> = events.iter().map(EncodedEvent::from).collect();
    let appended: Vec<_> = encoded.iter().map(|event| (run_id, event)).collect();
    append_events(tx, &appended).await?;
    let last = events.last().expect("a run ends with at least one event");
    let row = ExecutionRow {
        run_id: run_id.0,
        status,
        started_at: None,
        worker_identity: None,
        closed_at: Some(last.time),
        result: None,
        failure,
        history_length: last.event_id,
    };
    write_executions(tx, &[row]).await?;
    OpenRows::of(run_id).remove(tx).await
}

/// Deletes a closed run with its history.
#[derive(Debug, Clone)]
pub(crate) struct DeleteRun {
    pub(crate) run_id: RunId,
}

impl Operation for DeleteRun {
    /// Whether there was such a closed run.
    type Output = bool;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<bool>, DbErr>> {
        Box::pin(async move {
            let mut outputs = vec![false; items.len()];
            let mut ordered: Vec<_> = items.iter().enumerate().collect();
            ordered.sort_by_key(|(_, item)| item.run_id.0);
            for (index, item) in ordered {
                outputs[index] = delete(tx, item.run_id).await?;
            }
            Ok(outputs)
        })
    }
}

async fn delete(tx: Tx<'_>, run_id: RunId) -> Result<bool, DbErr> {
    let sql = "DELETE FROM workflow_execution WHERE run_id = $1 AND closed_at_ms IS NOT NULL".to_owned();
    if tx.execute(sql, vec![run_id.0.into()]).await? == 0 {
        return Ok(false);
    }
    for table in ["history_event", "start_request"] {
        let sql = format!("DELETE FROM {table} WHERE run_id IN ({})", tx.dialect.uuids(1));
        tx.execute(sql, vec![json(&[run_id])]).await?;
    }
    Ok(true)
}

/// Most idempotency keys that one write deletes: other writes wait for it.
const REQUESTS_MAX: u64 = 1_000;

/// Forgets idempotency keys that are older than their time, the oldest first and not all at once.
#[derive(Debug, Clone)]
pub(crate) struct ForgetRequests {
    pub(crate) created_before: Timestamp,
}

impl Operation for ForgetRequests {
    /// Whether there may be more of them.
    type Output = bool;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<bool>, DbErr>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(items.len());
            for item in items {
                let deleted = tx.execute(sweeping(tx.dialect), vec![item.created_before.0.into()]).await?;
                outputs.push(deleted >= REQUESTS_MAX);
            }
            Ok(outputs)
        })
    }
}

/// Deletes the oldest keys. All processes sweep; what one of them deletes the others pass over.
pub(in crate::store) fn sweeping(dialect: Dialect) -> String {
    format!(
        "WITH old AS MATERIALIZED (SELECT namespace, caller, request_id FROM start_request WHERE created_at_ms < $1 \
         ORDER BY created_at_ms LIMIT {REQUESTS_MAX} {}) DELETE FROM start_request \
         WHERE (namespace, caller, request_id) IN (SELECT namespace, caller, request_id FROM old)",
        dialect.skip_locked()
    )
}
