//! Steps of runs: what the holder of a lease commits.
//!
//! A step is refused as a whole when the lease is no longer its sender's (owner and epoch), when the history is
//! longer than the sender knows, or when an activity that it closes is no longer the sender's to close.
//! Several steps of one run in one transaction are merged first, so an activity that was scheduled and completed
//! within it leaves no other trace than its events.

mod fence;
mod merge;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Operation,
    activity_task::{
        ActivityLease, NewActivityTask, cancel_activities, delete_activities, insert_activities,
        lost_activities,
    },
    execution::{ExecutionRow, append_events, remove_open_rows, write_executions},
};
use crate::{
    clock::Timestamp,
    history::HistoryEvent,
    ids::{EventId, RunId, WorkerId},
    store::sql::{Kind, Tx, json},
};
use merge::{Chain, merge};

/// What one activation of a run leads to.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) run_id: RunId,
    pub(crate) owner: WorkerId,
    pub(crate) epoch: i64,
    /// The history must end just before this event.
    pub(crate) expected_event_id: EventId,
    pub(crate) events: Vec<HistoryEvent>,
    /// Messages up to this number became events.
    pub(crate) consumed_messages: i64,
    pub(crate) scheduled: Vec<NewActivityTask>,
    pub(crate) closed: Vec<ActivityLease>,
    /// Activities that were asked to stop.
    pub(crate) cancel_requested: Vec<EventId>,
    /// Set by the first step of the run.
    pub(crate) started: Option<StartedBy>,
    pub(crate) after: AfterStep,
}

/// The first task of a run began.
#[derive(Debug, Clone)]
pub(crate) struct StartedBy {
    pub(crate) at: Timestamp,
    pub(crate) worker_identity: String,
}

/// What becomes of the workflow task.
#[derive(Debug, Clone)]
pub(crate) enum AfterStep {
    /// The sender keeps it.
    Keep,
    /// It waits for a worker from this instant on; at once when a message came in meanwhile.
    Release { visible_at: Timestamp },
    /// The run has ended.
    Close { status: &'static str, at: Timestamp, result: Option<String>, failure: Option<String> },
}

/// Whether the step was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepOutput {
    Committed,
    /// The sender does not hold the run any more; nothing was changed.
    Stale,
}

impl Operation for Step {
    type Output = StepOutput;

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<StepOutput>, DbErr>> {
        Box::pin(apply(tx, items))
    }
}

async fn apply(tx: Tx<'_>, items: &[Step]) -> Result<Vec<StepOutput>, DbErr> {
    let mut chains = merge(items);
    let closed = chains.iter().flat_map(|chain| chain.step.closed.iter().copied()).collect();
    let lost = lost_activities(tx, closed).await?;
    chains.retain(|chain| chain.step.closed.iter().all(|closed| !lost.contains(closed)));
    let accepted = fence::fence(tx, &chains).await?;
    chains.retain(|chain| accepted.contains(&chain.key()));
    commit(tx, &chains).await?;
    let mut outputs = vec![StepOutput::Stale; items.len()];
    for index in chains.into_iter().flat_map(|chain| chain.items) {
        outputs[index] = StepOutput::Committed;
    }
    Ok(outputs)
}

async fn commit(tx: Tx<'_>, chains: &[Chain]) -> Result<(), DbErr> {
    let steps = || chains.iter().map(|chain| &chain.step);
    append(tx, chains).await?;
    let executions: Vec<ExecutionRow> = steps().filter_map(execution_row).collect();
    write_executions(tx, &executions).await?;
    let scheduled = steps()
        .filter(|step| !matches!(step.after, AfterStep::Close { .. }))
        .flat_map(|step| step.scheduled.iter().map(|new| (step.run_id, new)))
        .collect();
    insert_activities(tx, scheduled).await?;
    let closed: Vec<ActivityLease> = steps().flat_map(|step| step.closed.iter().copied()).collect();
    delete_activities(tx, &closed).await?;
    let canceled = steps()
        .flat_map(|step| step.cancel_requested.iter().map(|event_id| (step.run_id, *event_id)))
        .collect();
    cancel_activities(tx, canceled).await?;
    consume_messages(tx, chains).await?;
    let ended: Vec<Uuid> = steps()
        .filter(|step| matches!(step.after, AfterStep::Close { .. }))
        .map(|step| step.run_id.0)
        .collect();
    remove_open_rows(tx, &ended).await
}

async fn append(tx: Tx<'_>, chains: &[Chain]) -> Result<(), DbErr> {
    let mut events = Vec::new();
    for Chain { step, .. } in chains {
        events.extend(step.events.iter().map(|event| (step.run_id, event)));
    }
    append_events(tx, &events).await
}

fn execution_row(step: &Step) -> Option<ExecutionRow> {
    let (status, closed_at, result, failure) = match &step.after {
        AfterStep::Close { status, at, result, failure } => {
            (*status, Some(*at), result.clone(), failure.clone())
        }
        _ if step.started.is_some() => ("RUNNING", None, None, None),
        _ => return None,
    };
    Some(ExecutionRow {
        run_id: step.run_id.0,
        status,
        started_at: step.started.as_ref().map(|started| started.at),
        worker_identity: step.started.as_ref().map(|started| started.worker_identity.clone()),
        closed_at,
        result,
        failure,
        history_length: step.end() - 1,
    })
}

#[derive(Serialize)]
struct ConsumedRow {
    run_id: Uuid,
    consumed: i64,
}

async fn consume_messages(tx: Tx<'_>, chains: &[Chain]) -> Result<(), DbErr> {
    let rows: Vec<ConsumedRow> = chains
        .iter()
        .map(|chain| &chain.step)
        .filter(|step| step.consumed_messages > 0)
        .map(|step| ConsumedRow { run_id: step.run_id.0, consumed: step.consumed_messages })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM message WHERE EXISTS (SELECT 1 FROM {} WHERE v.run_id = message.run_id \
         AND message.sequence <= v.consumed)",
        tx.dialect.rows(1, &[("run_id", Kind::Uuid), ("consumed", Kind::BigInt)])
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}
