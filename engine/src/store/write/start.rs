//! Accepting workflow executions.

use std::collections::{HashMap, HashSet};

use futures_util::future::BoxFuture;
use sea_orm::{DbErr, QueryResult};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Locks, Operation,
    claim::ClaimedWorkflowTask,
    stop::{CloseOutput, CloseRun, close},
};
use crate::{
    clock::Timestamp,
    history::WorkflowExecutionTerminated,
    ids::{EventId, RunId, WorkerId},
    model::WorkflowStatus,
    store::sql::{Dialect, Kind, Tx, json},
};

/// Most tries to insert a run when others of its workflow id end at the same time.
const INSERT_TRIES_MAX: usize = 3;

/// A run to accept; everything in it was checked.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Start {
    pub(crate) run_id: Uuid,
    pub(crate) namespace: String,
    pub(crate) workflow_id: String,
    pub(crate) workflow_type: String,
    pub(crate) task_queue: String,
    pub(crate) priority: i32,
    pub(crate) owner: Option<String>,
    pub(crate) input: String,
    pub(crate) memo: String,
    pub(crate) search_attributes: String,
    pub(crate) created_at_ms: Timestamp,
    pub(crate) start_at_ms: Option<Timestamp>,
    pub(crate) visible_at_ms: Timestamp,
    /// The worker that holds the run from the start, if one does.
    pub(crate) holder: Option<WorkerId>,
    pub(crate) execution_timeout_ms: Option<i64>,
    pub(crate) deadline_at_ms: Option<Timestamp>,
    /// Attributes of the first event.
    pub(crate) attributes: String,
    /// Caller of the idempotency key.
    pub(crate) caller: String,
    pub(crate) request_id: Option<String>,
    pub(crate) input_hash: String,
    /// Nobody else can have the workflow id, since it was made for this run.
    #[serde(skip)]
    pub(crate) is_fresh: bool,
    /// A closed run of the same workflow id, if it ended in one of these states, is no obstacle;
    /// `None`: no closed run is.
    #[serde(skip)]
    pub(crate) reusable: Option<&'static [&'static str]>,
    /// An open run of the same workflow id is no obstacle: it is terminated.
    #[serde(skip)]
    pub(crate) replaces: Option<Box<Replaces>>,
}

/// Which open run a start takes the place of.
#[derive(Debug, Clone)]
pub(crate) struct Replaces {
    /// Only one of this owner; `None`: anybody's.
    pub(crate) of: Option<String>,
    /// Its last event.
    pub(crate) event: WorkflowExecutionTerminated,
}

impl Start {
    /// The same with a worker that holds the run from the start.
    pub(crate) fn held_by(self, worker_id: WorkerId) -> Self {
        Self { holder: Some(worker_id), ..self }
    }

    /// The workflow task of a run that a worker holds from the start.
    pub(crate) fn first_task(&self) -> ClaimedWorkflowTask {
        ClaimedWorkflowTask {
            run_id: RunId(self.run_id),
            epoch: 1,
            next_event_id: 2,
            inbox_sequence: 0,
            unread_messages: 0,
            priority: self.priority,
            attempt: 0,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartOutput {
    Created,
    /// Created in the place of an open run, which this worker, if any, held.
    Replaced {
        run_id: RunId,
        worker: Option<WorkerId>,
        last_event_id: EventId,
    },
    /// The idempotency key was used for the same request before.
    Replayed(RunId),
    /// The idempotency key was used for another request before.
    IdempotencyMismatch,
    /// An open run has the workflow id.
    Open {
        run_id: RunId,
        owner: Option<String>,
    },
    /// A closed run has the workflow id and is an obstacle.
    Closed {
        run_id: RunId,
        owner: Option<String>,
    },
}

impl StartOutput {
    /// Whether the run was accepted just now.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self, Self::Created | Self::Replaced { .. })
    }
}

const COLUMNS: &[(&str, Kind)] = &[
    ("run_id", Kind::Uuid),
    ("namespace", Kind::Text),
    ("workflow_id", Kind::Text),
    ("workflow_type", Kind::Text),
    ("task_queue", Kind::Text),
    ("priority", Kind::Int),
    ("owner", Kind::Text),
    ("input", Kind::Text),
    ("memo", Kind::Text),
    ("search_attributes", Kind::Text),
    ("created_at_ms", Kind::BigInt),
    ("start_at_ms", Kind::BigInt),
    ("visible_at_ms", Kind::BigInt),
    ("holder", Kind::Uuid),
    ("execution_timeout_ms", Kind::BigInt),
    ("deadline_at_ms", Kind::BigInt),
    ("attributes", Kind::Text),
    ("caller", Kind::Text),
    ("request_id", Kind::Text),
    ("input_hash", Kind::Text),
];

impl Operation for Start {
    type Output = StartOutput;

    fn size_bytes(&self) -> usize {
        self.input.len() + self.memo.len() + self.search_attributes.len() + self.attributes.len()
    }

    fn locks(&self, locks: &mut Locks) {
        if self.replaces.is_some() {
            locks.open_run(&self.namespace, &self.workflow_id);
        }
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<StartOutput>, DbErr>> {
        Box::pin(apply(tx, items))
    }
}

async fn apply(tx: Tx<'_>, items: &[Start]) -> Result<Vec<StartOutput>, DbErr> {
    let mut outputs: HashMap<Uuid, StartOutput> = HashMap::new();
    remember_requests(tx, items, &mut outputs).await?;
    let asked: Vec<&Start> = items.iter().filter(|item| !outputs.contains_key(&item.run_id)).collect();
    let mut undecided = asked.clone();
    let mut replaced: HashMap<Uuid, StartOutput> = HashMap::new();
    let mut tries = 0;
    while let Some(item) = undecided.first() {
        if tries == INSERT_TRIES_MAX {
            return Err(DbErr::Custom(format!(
                "could not start workflow ID `{}`: lost to concurrent starts {INSERT_TRIES_MAX} times",
                item.workflow_id
            )));
        }
        undecided = insert_executions(tx, &undecided, &replaced, &mut outputs).await?;
        let misled = misled(tx, &asked, &mut outputs).await?;
        // Each round of these refuses at least one start for good.
        tries += usize::from(misled.is_empty());
        undecided.extend(misled);
        undecided.extend(make_room(tx, &asked, &mut replaced, &mut outputs).await?);
    }
    forget_refused(tx, &asked, &outputs).await?;
    Ok(items.iter().map(|item| output(item, &outputs, &replaced)).collect())
}

fn output(
    item: &Start,
    outputs: &HashMap<Uuid, StartOutput>,
    replaced: &HashMap<Uuid, StartOutput>,
) -> StartOutput {
    match outputs.get(&item.run_id) {
        // The first use of the key came in this very batch, and was refused: so is this one.
        Some(StartOutput::Replayed(first)) if outputs.get(&first.0).is_some_and(is_refused) => {
            outputs[&first.0].clone()
        }
        Some(output) => output.clone(),
        None => replaced.get(&item.run_id).cloned().unwrap_or(StartOutput::Created),
    }
}

/// Starts that met an open run of their workflow ID which was refused itself, in this very batch. Its row is taken back,
/// and they can be tried again.
async fn misled<'a>(
    tx: Tx<'_>,
    items: &[&'a Start],
    outputs: &mut HashMap<Uuid, StartOutput>,
) -> Result<Vec<&'a Start>, DbErr> {
    let is_misled = |item: &&&Start| match outputs.get(&item.run_id) {
        Some(StartOutput::Open { run_id, .. }) => outputs.get(&run_id.0).is_some_and(is_refused),
        _ => false,
    };
    let misled: Vec<&Start> = items.iter().filter(is_misled).copied().collect();
    if misled.is_empty() {
        return Ok(misled);
    }
    let of_refused = |item: &&&Start| !misled.iter().any(|misled| misled.run_id == item.run_id);
    let others: Vec<&Start> = items.iter().filter(of_refused).copied().collect();
    forget_refused(tx, &others, outputs).await?;
    for item in &misled {
        outputs.remove(&item.run_id);
    }
    Ok(misled)
}

/// Terminates the open runs that these starts may take the place of; returns those that can be tried again.
async fn make_room<'a>(
    tx: Tx<'_>,
    items: &[&'a Start],
    replaced: &mut HashMap<Uuid, StartOutput>,
    outputs: &mut HashMap<Uuid, StartOutput>,
) -> Result<Vec<&'a Start>, DbErr> {
    let mut again = Vec::new();
    for item in items {
        let Some(replaces) = &item.replaces else { continue };
        let Some(StartOutput::Open { run_id, owner }) = outputs.get(&item.run_id) else { continue };
        if replaces.of.is_some() && replaces.of != *owner {
            continue;
        }
        let run_id = *run_id;
        let closing = CloseRun {
            run_id,
            status: WorkflowStatus::Terminated.as_str(),
            event: replaces.event.clone().into(),
            failure: None,
            now: item.created_at_ms,
        };
        if let CloseOutput::Closed { worker, last_event_id } = close(tx, &closing).await? {
            replaced.insert(item.run_id, StartOutput::Replaced { run_id, worker, last_event_id });
        }
        outputs.remove(&item.run_id);
        again.push(*item);
    }
    Ok(again)
}

fn is_refused(output: &StartOutput) -> bool {
    matches!(output, StartOutput::Open { .. } | StartOutput::Closed { .. })
}

/// Stores the idempotency keys; a key that is there already decides its start.
async fn remember_requests(
    tx: Tx<'_>,
    items: &[Start],
    outputs: &mut HashMap<Uuid, StartOutput>,
) -> Result<(), DbErr> {
    let mut keyed: Vec<&Start> = items.iter().filter(|item| item.request_id.is_some()).collect();
    keyed.sort_by_key(|item| (&item.namespace, &item.caller, &item.request_id));
    if keyed.is_empty() {
        return Ok(());
    }
    let rows = tx.dialect.rows(1, COLUMNS);
    let insert = format!(
        "INSERT INTO start_request (namespace, caller, request_id, input_hash, run_id, created_at_ms) \
         SELECT namespace, caller, request_id, input_hash, run_id, created_at_ms FROM {rows} WHERE true \
         ON CONFLICT DO NOTHING"
    );
    tx.execute(insert, vec![json(&keyed)]).await?;
    let select = format!(
        "SELECT v.run_id AS asked, r.run_id, r.input_hash FROM {rows} JOIN start_request r \
         ON r.namespace = v.namespace AND r.caller = v.caller AND r.request_id = v.request_id"
    );
    let hashes: HashMap<Uuid, &str> =
        keyed.iter().map(|item| (item.run_id, item.input_hash.as_str())).collect();
    for row in tx.query(select, vec![json(&keyed)]).await? {
        let (asked, run_id, hash): (Uuid, Uuid, String) =
            (row.try_get("", "asked")?, row.try_get("", "run_id")?, row.try_get("", "input_hash")?);
        if asked == run_id {
            continue;
        }
        let same = hashes.get(&asked).is_some_and(|asked| *asked == hash);
        let output =
            if same { StartOutput::Replayed(RunId(run_id)) } else { StartOutput::IdempotencyMismatch };
        outputs.insert(asked, output);
    }
    Ok(())
}

/// Inserts the runs, and finds for each one that has an obstacle what the obstacle is.
///
/// Closed runs are looked for after the insert: a run of the same id that was open at that moment has made the
/// insert fail, and one that had closed by then is seen by the look-up, so none slips through between the two.
/// The answer is what is undecided: the run that was in the way has ended between the two.
async fn insert_executions<'a>(
    tx: Tx<'_>,
    items: &[&'a Start],
    replaced: &HashMap<Uuid, StartOutput>,
    outputs: &mut HashMap<Uuid, StartOutput>,
) -> Result<Vec<&'a Start>, DbErr> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    // Of two that have the same ID the first one still comes first.
    let mut items = items.to_vec();
    items.sort_by_key(|item| (&item.namespace, &item.workflow_id));
    let rows = tx.dialect.rows(1, COLUMNS);
    let insert = format!(
        "INSERT INTO workflow_execution (run_id, namespace, workflow_id, workflow_type, task_queue, priority, \
         status, cancel_requested, owner, input, memo, search_attributes, created_at_ms, start_at_ms, \
         execution_timeout_ms, deadline_at_ms, history_length) \
         SELECT run_id, namespace, workflow_id, workflow_type, task_queue, priority, 'PENDING', false, owner, \
         input, memo, search_attributes, created_at_ms, start_at_ms, execution_timeout_ms, deadline_at_ms, 1 \
         FROM {rows} WHERE true ON CONFLICT DO NOTHING RETURNING run_id"
    );
    let inserted: HashSet<Uuid> = tx
        .query(insert, vec![json(&items)])
        .await?
        .iter()
        .map(|row| row.try_get("", "run_id"))
        .collect::<Result<_, _>>()?;
    let mut there = inserted.clone();
    let by_run: HashMap<Uuid, &Start> = items.iter().map(|item| (item.run_id, *item)).collect();
    for row in same_ids(tx, &items, &inserted).await? {
        let (asked, run_id): (Uuid, Uuid) = (row.try_get("", "asked")?, row.try_get("", "run_id")?);
        if asked == run_id {
            there.insert(asked);
            continue;
        }
        if there.contains(&asked) && !inserted.contains(&asked) {
            // A process repeats a start whose commit it could not confirm: it was accepted. What came later, under the
            // same ID, decides nothing about it.
            continue;
        }
        let asks = by_run[&asked];
        let (namespace, workflow_id): (String, String) =
            (row.try_get("", "namespace")?, row.try_get("", "workflow_id")?);
        if (namespace, workflow_id) != (asks.namespace.clone(), asks.workflow_id.clone()) {
            continue;
        }
        // The latest run of the id is what a reuse policy speaks of.
        let made_room = matches!(replaced.get(&asked), Some(StartOutput::Replaced { run_id: gone, .. }) if gone.0 == run_id);
        match obstacle(asks, inserted.contains(&asked), made_room, &row)? {
            Obstacle::Refuses(output) => outputs.insert(asked, output),
            Obstacle::Reusable => outputs.remove(&asked),
            Obstacle::None => None,
        };
    }
    let accepted = |item: &&&Start| inserted.contains(&item.run_id) && !outputs.contains_key(&item.run_id);
    insert_tasks(tx, &items.iter().filter(accepted).copied().collect::<Vec<_>>()).await?;
    let undecided = |item: &&&Start| !there.contains(&item.run_id) && !outputs.contains_key(&item.run_id);
    Ok(items.iter().filter(undecided).copied().collect())
}

/// The runs that decide about these starts. Of one that did not go in: its own row, if it is a repeated one, and the open
/// run that is in its way. Of one that did: the run before it. Perhaps also others, of workflow IDs that come before.
async fn same_ids(tx: Tx<'_>, items: &[&Start], inserted: &HashSet<Uuid>) -> Result<Vec<QueryResult>, DbErr> {
    let (went_in, refused): (Vec<&Start>, Vec<&Start>) =
        items.iter().partition(|item| inserted.contains(&item.run_id));
    // A row that is in under a fresh ID has no others beside it.
    let doubtful: Vec<&Start> = went_in.into_iter().filter(|item| !item.is_fresh).collect();
    if refused.is_empty() && doubtful.is_empty() {
        return Ok(Vec::new());
    }
    tx.query(deciding(tx.dialect), vec![json(&refused), json(&doubtful)]).await
}

/// A workflow ID may have been used a hundred thousand times, as by a schedule: none of the parts reads them all. They
/// begin at the end of the ID in the index of IDs, and the caller compares the ID. An equation here would let a database
/// that was never analyzed walk the runs of everybody, by time or by run ID.
pub(in crate::store) fn deciding(dialect: Dialect) -> String {
    let (refused, went_in) = (dialect.rows(1, COLUMNS), dialect.rows(2, COLUMNS));
    let columns =
        "v.run_id AS asked, e.run_id, e.namespace, e.workflow_id, e.owner, e.status, e.closed_at_ms";
    let execution = "JOIN workflow_execution e ON e.run_id =";
    let latest = |which: &str| {
        format!(
            "(SELECT l.run_id FROM workflow_execution l \
             WHERE (l.namespace, l.workflow_id, l.created_at_ms) <= (v.namespace, v.workflow_id, {}) AND {which} \
             ORDER BY l.namespace DESC, l.workflow_id DESC, l.created_at_ms DESC LIMIT 1)",
            Timestamp::NEVER.0
        )
    };
    format!(
        "SELECT 1 AS part, {columns} FROM {refused} {execution} v.run_id UNION ALL \
         SELECT 2, {columns} FROM {refused} {execution} {open} UNION ALL \
         SELECT 3, {columns} FROM {went_in} {execution} {before} ORDER BY part",
        open = latest("l.closed_at_ms IS NULL"),
        before = latest("l.run_id <> v.run_id"),
    )
}

/// What another run of the same workflow id is to a start.
enum Obstacle {
    Refuses(StartOutput),
    Reusable,
    None,
}

fn obstacle(item: &Start, inserted: bool, made_room: bool, other: &QueryResult) -> Result<Obstacle, DbErr> {
    let run_id = RunId(other.try_get("", "run_id")?);
    let owner: Option<String> = other.try_get("", "owner")?;
    let closed_at: Option<i64> = other.try_get("", "closed_at_ms")?;
    if closed_at.is_none() {
        // When our own row went in, the other open one is not there: it is a later one of the same batch.
        let refuses = Obstacle::Refuses(StartOutput::Open { run_id, owner });
        return Ok(if inserted { Obstacle::None } else { refuses });
    }
    let status: String = other.try_get("", "status")?;
    let reusable = item.reusable.is_some_and(|states| states.contains(&status.as_str()));
    Ok(match inserted {
        false => Obstacle::None,
        true if reusable || made_room => Obstacle::Reusable,
        true => Obstacle::Refuses(StartOutput::Closed { run_id, owner }),
    })
}

async fn insert_tasks(tx: Tx<'_>, items: &[&Start]) -> Result<(), DbErr> {
    if items.is_empty() {
        return Ok(());
    }
    let rows = tx.dialect.rows(1, COLUMNS);
    let parameter = json(items);
    let tasks = format!(
        "INSERT INTO workflow_task (run_id, namespace, workflow_type, task_queue, priority, visible_at_ms, owner, \
         epoch, next_event_id, inbox_sequence, attempt) \
         SELECT run_id, namespace, workflow_type, task_queue, priority, \
         CASE WHEN holder IS NULL THEN visible_at_ms ELSE {never} END, holder, \
         CASE WHEN holder IS NULL THEN 0 ELSE 1 END, 2, 0, 0 FROM {rows} WHERE true",
        never = Timestamp::NEVER.0,
    );
    tx.execute(tasks, vec![parameter.clone()]).await?;
    let events = format!(
        "INSERT INTO history_event (run_id, event_id, event_type, time_ms, attributes) \
         SELECT run_id, 1, 'WorkflowExecutionStarted', created_at_ms, attributes \
         FROM {rows} WHERE true"
    );
    tx.execute(events, vec![parameter]).await?;
    Ok(())
}

/// Takes back what was inserted for starts that turned out to be refused.
async fn forget_refused(
    tx: Tx<'_>,
    items: &[&Start],
    outputs: &HashMap<Uuid, StartOutput>,
) -> Result<(), DbErr> {
    let refused: Vec<&&Start> = items.iter().filter(|item| outputs.contains_key(&item.run_id)).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let keyed: Vec<_> = refused.iter().filter(|item| item.request_id.is_some()).collect();
    if !keyed.is_empty() {
        tx.execute(forgetting(tx.dialect), vec![json(&keyed)]).await?;
    }
    let runs: Vec<Uuid> = refused.iter().map(|item| item.run_id).collect();
    let delete = format!("DELETE FROM workflow_execution WHERE run_id IN ({})", tx.dialect.uuids(1));
    tx.execute(delete, vec![json(&runs)]).await?;
    Ok(())
}

/// Deletes the idempotency keys of starts, by the keys.
pub(in crate::store) fn forgetting(dialect: Dialect) -> String {
    let rows = dialect.rows(1, COLUMNS);
    format!(
        "DELETE FROM start_request WHERE (namespace, caller, request_id, run_id) IN \
         (SELECT r.namespace, r.caller, r.request_id, r.run_id FROM {rows} CROSS JOIN start_request AS r \
         WHERE r.namespace = v.namespace AND r.caller = v.caller AND r.request_id = v.request_id \
         AND r.run_id = v.run_id)"
    )
}
