//! Steps of runs: what the holder of a lease commits.
//!
//! A step is refused as a whole when the lease is no longer its sender's (owner and epoch), when the history is
//! longer than the sender knows, when an activity that it closes is no longer the sender's to close, or when it ends
//! the run beside a message that the sender has not seen.
//! Several steps of one run in one transaction are merged first, so an activity that was scheduled and completed
//! within it leaves no other trace than its events.

mod fence;
mod merge;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Locks, Operation,
    activity_task::{
        ActivityLease, NewActivityTask, cancel_activities, delete_activities, insert_activities,
        lost_activities,
    },
    execution::{ExecutionRow, OpenRows, append_events, write_executions},
};
use crate::{
    clock::Timestamp,
    history::EncodedEvent,
    ids::{EventId, RunId, WorkerId},
    store::sql::{Dialect, Kind, Tx, json},
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
    pub(crate) events: Vec<EncodedEvent>,
    /// Messages up to this number became events.
    pub(crate) consumed_messages: i64,
    pub(crate) scheduled: Vec<NewActivityTask>,
    pub(crate) closed: Vec<ActivityLease>,
    /// Activities that were asked to stop.
    pub(crate) cancel_requested: Vec<EventId>,
    /// Set by the first step of the run.
    pub(crate) started: Option<Timestamp>,
    /// What the sender is called.
    pub(crate) worker_identity: String,
    pub(crate) after: AfterStep,
}

/// What becomes of the workflow task.
#[derive(Debug, Clone)]
pub(crate) enum AfterStep {
    /// The sender keeps it.
    Keep,
    /// It waits for a worker from this instant on; at once when a message came in meanwhile.
    Release { visible_at: Timestamp },
    /// The run has ended.
    Close {
        status: &'static str,
        at: Timestamp,
        result: Option<String>,
        failure: Option<String>,
        /// Whether activities that were scheduled by earlier steps are still open.
        open_activities: bool,
    },
}

/// Whether the step was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepOutput {
    Committed {
        /// When the run wants a worker next; [`Timestamp::NEVER`] while the sender keeps it, or when it waits for
        /// a message.
        visible_at: Timestamp,
    },
    /// The sender does not hold the run any more; nothing was changed.
    Stale,
    /// The run was to end, but has a message that the sender has not seen. It was let go and is due.
    Unread,
}

impl Operation for Step {
    type Output = StepOutput;

    fn size_bytes(&self) -> usize {
        let result = match &self.after {
            AfterStep::Close { result, .. } => result.as_ref().map_or(0, String::len),
            AfterStep::Keep | AfterStep::Release { .. } => 0,
        };
        result + self.events.iter().map(EncodedEvent::size_bytes).sum::<usize>()
    }

    fn locks(&self, locks: &mut Locks) {
        if self.closed.is_empty() {
            locks.run(self.run_id);
        } else {
            locks.run_with_activities(self.run_id);
        }
    }

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
    let (chains, refused): (Vec<Chain>, Vec<Chain>) =
        chains.into_iter().partition(|chain| accepted.contains_key(&chain.key()));
    let unread = fence::release_unread(tx, &refused.iter().collect::<Vec<_>>()).await?;
    commit(tx, &chains).await?;
    let mut outputs = vec![StepOutput::Stale; items.len()];
    for chain in refused.into_iter().filter(|chain| unread.contains(&chain.key())) {
        for index in chain.items {
            outputs[index] = StepOutput::Unread;
        }
    }
    for chain in chains {
        let visible_at = accepted[&chain.key()];
        for index in chain.items {
            outputs[index] = StepOutput::Committed { visible_at };
        }
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
    ended(chains).remove(tx).await
}

/// What is left of the runs that have ended. Messages are not: the fence lets none end beside one that is unread.
fn ended(chains: &[Chain]) -> OpenRows {
    let mut rows = OpenRows::default();
    for chain in chains {
        let AfterStep::Close { open_activities, .. } = chain.step.after else { continue };
        let run_id = chain.step.run_id.0;
        rows.workflow_tasks.push(run_id);
        if open_activities {
            rows.activity_tasks.push(run_id);
        }
    }
    rows
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
        AfterStep::Close { status, at, result, failure, .. } => {
            (*status, Some(*at), result.clone(), failure.clone())
        }
        _ if step.started.is_some() => ("RUNNING", None, None, None),
        _ => return None,
    };
    Some(ExecutionRow {
        run_id: step.run_id.0,
        status,
        started_at: step.started,
        worker_identity: Some(step.worker_identity.clone()),
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
    tx.execute(consuming(tx.dialect), vec![json(&rows)]).await?;
    Ok(())
}

/// Goes from the runs to their messages: of a condition that compares the two, such as `EXISTS`, both databases make a
/// walk over the messages of everybody.
pub(in crate::store) fn consuming(dialect: Dialect) -> String {
    let rows = dialect.rows(1, &[("run_id", Kind::Uuid), ("consumed", Kind::BigInt)]);
    let of_run = "m.run_id = v.run_id AND m.sequence <= v.consumed";
    match dialect {
        Dialect::Postgres => format!("DELETE FROM message AS m USING {rows} WHERE {of_run}"),
        // It has no `USING`, but always joins in the order of a `CROSS JOIN`.
        Dialect::Sqlite => format!(
            "DELETE FROM message WHERE rowid IN (SELECT m.rowid FROM {rows} CROSS JOIN message AS m WHERE {of_run})"
        ),
    }
}
