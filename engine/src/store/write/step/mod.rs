//! Steps of runs: what the holder of a lease commits.
//!
//! A step is refused as a whole when the lease is no longer its sender's (owner and epoch), when the history is
//! longer than the sender knows, or when an activity that it closes is no longer the sender's to close.
//! Several steps of one run in one transaction are merged first, so an activity that was scheduled and completed
//! within it leaves no other trace than its events.

use std::collections::{HashMap, HashSet};

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use super::Operation;
use crate::{
    clock::Timestamp,
    history::HistoryEvent,
    ids::{EventId, RunId, WorkerId},
    store::sql::{Kind, Tx, json},
};

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

/// An activity that was put on its queue.
#[derive(Debug, Clone)]
pub(crate) struct NewActivityTask {
    pub(crate) scheduled_event_id: EventId,
    pub(crate) namespace: String,
    pub(crate) activity_type: String,
    pub(crate) task_queue: String,
    pub(crate) priority: i32,
    pub(crate) scheduled_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// The worker that runs it already, if one does.
    pub(crate) taken: Option<TakenActivity>,
}

/// An activity task that its worker starts without a trip through the queue.
#[derive(Debug, Clone)]
pub(crate) struct TakenActivity {
    pub(crate) worker_id: WorkerId,
    pub(crate) worker_identity: String,
    pub(crate) lease_expires_at: Timestamp,
}

/// Names an attempt of an activity and who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ActivityLease {
    pub(crate) run_id: RunId,
    pub(crate) scheduled_event_id: EventId,
    pub(crate) attempt: u32,
    /// `None`: nobody runs it, it waits.
    pub(crate) owner: Option<WorkerId>,
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
    let mut steps = merge(items);
    let lost = lost_activities(tx, &steps).await?;
    steps.retain(|step| step.closed.iter().all(|closed| !lost.contains(closed)));
    let held = fence(tx, &steps).await?;
    steps.retain(|step| held.contains(&step.run_id.0));
    append(tx, &steps).await?;
    update_executions(tx, &steps).await?;
    insert_activities(tx, &steps).await?;
    close_activities(tx, &steps).await?;
    cancel_activities(tx, &steps).await?;
    consume_messages(tx, &steps).await?;
    remove_closed(tx, &steps).await?;
    let committed: HashSet<RunId> = steps.iter().map(|step| step.run_id).collect();
    let output = |step: &Step| {
        if committed.contains(&step.run_id) { StepOutput::Committed } else { StepOutput::Stale }
    };
    Ok(items.iter().map(output).collect())
}

/// Joins consecutive steps of the same run; a step that does not follow its predecessor's end stands for itself
/// and will be refused.
fn merge(items: &[Step]) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::with_capacity(items.len());
    let mut last: HashMap<RunId, usize> = HashMap::new();
    for item in items {
        match last.get(&item.run_id) {
            Some(&index) if merged[index].is_followed_by(item) => merged[index].absorb(item.clone()),
            Some(_) => {}
            None => {
                last.insert(item.run_id, merged.len());
                merged.push(item.clone());
            }
        }
    }
    merged
}

impl Step {
    fn is_followed_by(&self, next: &Self) -> bool {
        let end = self.expected_event_id + i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        (self.owner, self.epoch, end) == (next.owner, next.epoch, next.expected_event_id)
            && matches!(self.after, AfterStep::Keep)
    }

    fn absorb(&mut self, next: Self) {
        self.events.extend(next.events);
        self.consumed_messages = self.consumed_messages.max(next.consumed_messages);
        for closed in next.closed {
            let before = self.scheduled.len();
            self.scheduled.retain(|new| new.scheduled_event_id != closed.scheduled_event_id);
            if self.scheduled.len() == before {
                self.closed.push(closed);
            }
        }
        self.scheduled.extend(next.scheduled);
        self.cancel_requested.extend(next.cancel_requested);
        self.started = self.started.take().or(next.started);
        self.after = next.after;
    }
}

#[derive(Serialize)]
struct LeaseRow {
    run_id: Uuid,
    scheduled_event_id: EventId,
    attempt: u32,
    owner: Option<Uuid>,
}

impl From<&ActivityLease> for LeaseRow {
    fn from(lease: &ActivityLease) -> Self {
        Self {
            run_id: lease.run_id.0,
            scheduled_event_id: lease.scheduled_event_id,
            attempt: lease.attempt,
            owner: lease.owner.map(|owner| owner.0),
        }
    }
}

pub(super) const LEASE_COLUMNS: &[(&str, Kind)] = &[
    ("run_id", Kind::Uuid),
    ("scheduled_event_id", Kind::BigInt),
    ("attempt", Kind::Int),
    ("owner", Kind::Uuid),
];

/// The activities to be closed that are no longer as their closers believe.
async fn lost_activities(tx: Tx<'_>, steps: &[Step]) -> Result<HashSet<ActivityLease>, DbErr> {
    let mut lost: HashSet<ActivityLease> =
        steps.iter().flat_map(|step| step.closed.iter().copied()).collect();
    if lost.is_empty() {
        return Ok(lost);
    }
    let leases: Vec<LeaseRow> = lost.iter().map(LeaseRow::from).collect();
    let sql = format!(
        "SELECT a.run_id, a.scheduled_event_id FROM {rows} JOIN activity_task a \
         ON a.run_id = v.run_id AND a.scheduled_event_id = v.scheduled_event_id AND a.attempt = v.attempt \
         AND a.owner IS NOT DISTINCT FROM v.owner {lock}",
        rows = tx.dialect.rows(1, LEASE_COLUMNS),
        lock = tx.dialect.lock_a(),
    );
    let mut held: HashSet<(Uuid, EventId)> = HashSet::new();
    for row in tx.query(sql, vec![json(&leases)]).await? {
        held.insert((row.try_get("", "run_id")?, row.try_get("", "scheduled_event_id")?));
    }
    lost.retain(|lease| !held.contains(&(lease.run_id.0, lease.scheduled_event_id)));
    Ok(lost)
}

#[derive(Serialize)]
struct FenceRow {
    run_id: Uuid,
    owner: Uuid,
    epoch: i64,
    expected: EventId,
    next: EventId,
    consumed: i64,
    keep: bool,
    visible_at: Timestamp,
}

/// Moves the workflow tasks on, which is where a stale lease is found out; the answer is who still holds theirs.
async fn fence(tx: Tx<'_>, steps: &[Step]) -> Result<HashSet<Uuid>, DbErr> {
    if steps.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<FenceRow> = steps.iter().map(FenceRow::from).collect();
    let source = tx.dialect.rows(
        1,
        &[
            ("run_id", Kind::Uuid),
            ("owner", Kind::Uuid),
            ("epoch", Kind::BigInt),
            ("expected", Kind::BigInt),
            ("next", Kind::BigInt),
            ("consumed", Kind::BigInt),
            ("keep", Kind::Bool),
            ("visible_at", Kind::BigInt),
        ],
    );
    // A message that came after those consumed makes a released run due at once. Both numbers stand in the same
    // row, so the comparison sees the latest even when this statement had to wait for the sender of a message.
    let sql = format!(
        "UPDATE workflow_task SET next_event_id = v.next, attempt = 0, failure = NULL, \
         owner = CASE WHEN v.keep THEN workflow_task.owner END, \
         lease_expires_at_ms = CASE WHEN v.keep THEN lease_expires_at_ms END, \
         visible_at_ms = CASE WHEN v.keep THEN visible_at_ms WHEN inbox_sequence > v.consumed THEN 0 \
         ELSE v.visible_at END \
         FROM {source} WHERE workflow_task.run_id = v.run_id AND workflow_task.owner = v.owner \
         AND workflow_task.epoch = v.epoch AND workflow_task.next_event_id = v.expected \
         RETURNING workflow_task.run_id"
    );
    tx.query(sql, vec![json(&rows)]).await?.iter().map(|row| row.try_get("", "run_id")).collect()
}

impl From<&Step> for FenceRow {
    fn from(step: &Step) -> Self {
        let appended = i64::try_from(step.events.len()).unwrap_or(i64::MAX);
        let visible_at = match step.after {
            AfterStep::Release { visible_at } => visible_at,
            AfterStep::Keep | AfterStep::Close { .. } => Timestamp::NEVER,
        };
        Self {
            run_id: step.run_id.0,
            owner: step.owner.0,
            epoch: step.epoch,
            expected: step.expected_event_id,
            next: step.expected_event_id + appended,
            consumed: step.consumed_messages,
            keep: !matches!(step.after, AfterStep::Release { .. }),
            visible_at,
        }
    }
}

#[derive(Serialize)]
struct EventRow {
    run_id: Uuid,
    event_id: EventId,
    event_type: &'static str,
    time_ms: Timestamp,
    attributes: String,
}

/// Appends events; a position that is taken fails the transaction.
pub(super) async fn append_events(tx: Tx<'_>, events: &[(RunId, &HistoryEvent)]) -> Result<(), DbErr> {
    let rows: Vec<EventRow> = events
        .iter()
        .map(|(run_id, event)| EventRow {
            run_id: run_id.0,
            event_id: event.event_id,
            event_type: event.event_type().as_str(),
            time_ms: event.time,
            attributes: event.attributes.to_json(),
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let source = tx.dialect.rows(
        1,
        &[
            ("run_id", Kind::Uuid),
            ("event_id", Kind::BigInt),
            ("event_type", Kind::Text),
            ("time_ms", Kind::BigInt),
            ("attributes", Kind::Text),
        ],
    );
    let sql = format!(
        "INSERT INTO history_event (run_id, event_id, event_type, time_ms, attributes) \
         SELECT run_id, event_id, event_type, time_ms, attributes FROM {source}"
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}

async fn append(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let mut events = Vec::new();
    for step in steps {
        events.extend(step.events.iter().map(|event| (step.run_id, event)));
    }
    append_events(tx, &events).await
}

#[derive(Serialize)]
pub(super) struct ExecutionRow {
    pub(super) run_id: Uuid,
    pub(super) status: &'static str,
    pub(super) started_at: Option<Timestamp>,
    pub(super) worker_identity: Option<String>,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) result: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) history_length: EventId,
}

/// Writes the rows of runs that began or ended.
pub(super) async fn write_executions(tx: Tx<'_>, rows: &[ExecutionRow]) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let source = tx.dialect.rows(
        1,
        &[
            ("run_id", Kind::Uuid),
            ("status", Kind::Text),
            ("started_at", Kind::BigInt),
            ("worker_identity", Kind::Text),
            ("closed_at", Kind::BigInt),
            ("result", Kind::Text),
            ("failure", Kind::Text),
            ("history_length", Kind::BigInt),
        ],
    );
    let sql = format!(
        "UPDATE workflow_execution SET status = v.status, \
         started_at_ms = COALESCE(started_at_ms, v.started_at), \
         worker_identity = COALESCE(v.worker_identity, workflow_execution.worker_identity), \
         closed_at_ms = v.closed_at, result = v.result, failure = v.failure, history_length = v.history_length \
         FROM {source} WHERE workflow_execution.run_id = v.run_id"
    );
    tx.execute(sql, vec![json(rows)]).await?;
    Ok(())
}

async fn update_executions(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let rows: Vec<ExecutionRow> = steps.iter().filter_map(execution_row).collect();
    write_executions(tx, &rows).await
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
        history_length: step.expected_event_id - 1 + i64::try_from(step.events.len()).unwrap_or(i64::MAX),
    })
}

#[derive(Serialize)]
struct ActivityRow<'a> {
    run_id: Uuid,
    scheduled_event_id: EventId,
    namespace: &'a str,
    activity_type: &'a str,
    task_queue: &'a str,
    priority: i32,
    visible_at: Timestamp,
    owner: Option<Uuid>,
    worker_identity: Option<&'a str>,
    lease_expires_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

async fn insert_activities(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let rows: Vec<ActivityRow<'_>> = steps
        .iter()
        .filter(|step| !matches!(step.after, AfterStep::Close { .. }))
        .flat_map(|step| step.scheduled.iter().map(|new| activity_row(step.run_id, new)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let source = tx.dialect.rows(
        1,
        &[
            ("run_id", Kind::Uuid),
            ("scheduled_event_id", Kind::BigInt),
            ("namespace", Kind::Text),
            ("activity_type", Kind::Text),
            ("task_queue", Kind::Text),
            ("priority", Kind::Int),
            ("visible_at", Kind::BigInt),
            ("owner", Kind::Uuid),
            ("worker_identity", Kind::Text),
            ("lease_expires_at", Kind::BigInt),
            ("started_at", Kind::BigInt),
            ("expires_at", Kind::BigInt),
        ],
    );
    let sql = format!(
        "INSERT INTO activity_task (run_id, scheduled_event_id, namespace, activity_type, task_queue, priority, \
         attempt, visible_at_ms, owner, worker_identity, lease_expires_at_ms, scheduled_at_ms, started_at_ms, \
         expires_at_ms, cancel_requested, heartbeat_sequence) \
         SELECT run_id, scheduled_event_id, namespace, activity_type, task_queue, priority, 1, visible_at, owner, \
         worker_identity, lease_expires_at, visible_at, started_at, expires_at, false, 0 FROM {source}"
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}

fn activity_row(run_id: RunId, new: &NewActivityTask) -> ActivityRow<'_> {
    ActivityRow {
        run_id: run_id.0,
        scheduled_event_id: new.scheduled_event_id,
        namespace: &new.namespace,
        activity_type: &new.activity_type,
        task_queue: &new.task_queue,
        priority: new.priority,
        visible_at: new.scheduled_at,
        owner: new.taken.as_ref().map(|taken| taken.worker_id.0),
        worker_identity: new.taken.as_ref().map(|taken| taken.worker_identity.as_str()),
        lease_expires_at: new.taken.as_ref().map(|taken| taken.lease_expires_at),
        started_at: new.taken.as_ref().map(|_| new.scheduled_at),
        expires_at: new.expires_at,
    }
}

/// Removes activity tasks by run and event.
pub(super) async fn delete_activities(tx: Tx<'_>, leases: &[ActivityLease]) -> Result<(), DbErr> {
    let rows: Vec<LeaseRow> = leases.iter().map(LeaseRow::from).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM activity_task WHERE (run_id, scheduled_event_id) IN \
         (SELECT v.run_id, v.scheduled_event_id FROM {})",
        tx.dialect.rows(1, LEASE_COLUMNS)
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}

async fn close_activities(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let closed: Vec<ActivityLease> = steps.iter().flat_map(|step| step.closed.iter().copied()).collect();
    delete_activities(tx, &closed).await
}

async fn cancel_activities(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let rows: Vec<LeaseRow> = steps
        .iter()
        .flat_map(|step| step.cancel_requested.iter().map(|event_id| (step.run_id, *event_id)))
        .map(|(run_id, scheduled_event_id)| LeaseRow {
            run_id: run_id.0,
            scheduled_event_id,
            attempt: 0,
            owner: None,
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE activity_task SET cancel_requested = true WHERE (run_id, scheduled_event_id) IN \
         (SELECT v.run_id, v.scheduled_event_id FROM {})",
        tx.dialect.rows(1, LEASE_COLUMNS)
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}

#[derive(Serialize)]
struct ConsumedRow {
    run_id: Uuid,
    consumed: i64,
}

async fn consume_messages(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let rows: Vec<ConsumedRow> = steps
        .iter()
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

async fn remove_closed(tx: Tx<'_>, steps: &[Step]) -> Result<(), DbErr> {
    let closed: Vec<Uuid> = steps
        .iter()
        .filter(|step| matches!(step.after, AfterStep::Close { .. }))
        .map(|step| step.run_id.0)
        .collect();
    remove_open_rows(tx, &closed).await
}

/// Removes what only open runs have.
pub(super) async fn remove_open_rows(tx: Tx<'_>, runs: &[Uuid]) -> Result<(), DbErr> {
    if runs.is_empty() {
        return Ok(());
    }
    let runs = json(runs);
    for table in ["workflow_task", "activity_task", "message"] {
        let sql = format!("DELETE FROM {table} WHERE run_id IN ({})", tx.dialect.uuids(1));
        tx.execute(sql, vec![runs.clone()]).await?;
    }
    Ok(())
}
