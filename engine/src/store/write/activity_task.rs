//! Rows of activity tasks: what a step schedules, closes and asks to stop.

use std::collections::HashSet;

use sea_orm::{DbErr, QueryResult};
use serde::Serialize;
use uuid::Uuid;

use super::claim::attempt;
use crate::{
    clock::Timestamp,
    ids::{EventId, RunId, WorkerId},
    store::sql::{Kind, Tx, json},
};

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

impl ActivityLease {
    /// Reads the columns `run_id`, `scheduled_event_id`, `attempt` and `owner`.
    pub(super) fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            run_id: RunId(row.try_get("", "run_id")?),
            scheduled_event_id: row.try_get("", "scheduled_event_id")?,
            attempt: attempt(row.try_get("", "attempt")?),
            owner: row.try_get::<Option<Uuid>>("", "owner")?.map(WorkerId),
        })
    }
}

#[derive(Serialize)]
pub(super) struct LeaseRow {
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

/// Those of the activities that are not, or no longer, as the leases say.
pub(super) async fn lost_activities(
    tx: Tx<'_>,
    leases: HashSet<ActivityLease>,
) -> Result<HashSet<ActivityLease>, DbErr> {
    let mut lost = leases;
    if lost.is_empty() {
        return Ok(lost);
    }
    let leases: Vec<LeaseRow> = lost.iter().map(LeaseRow::from).collect();
    let sql = format!(
        "SELECT a.run_id, a.scheduled_event_id, a.attempt, a.owner FROM {rows} JOIN activity_task a \
         ON a.run_id = v.run_id AND a.scheduled_event_id = v.scheduled_event_id AND a.attempt = v.attempt \
         AND a.owner IS NOT DISTINCT FROM v.owner {lock}",
        rows = tx.dialect.rows(1, LEASE_COLUMNS),
        lock = tx.dialect.lock_a(),
    );
    for row in tx.query(sql, vec![json(&leases)]).await? {
        lost.remove(&ActivityLease::read(&row)?);
    }
    Ok(lost)
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
    started_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

/// Puts activities on their queues, or into the hands of the workers that have them already.
pub(super) async fn insert_activities(
    tx: Tx<'_>,
    activities: Vec<(RunId, &NewActivityTask)>,
) -> Result<(), DbErr> {
    let rows: Vec<ActivityRow<'_>> =
        activities.into_iter().map(|(run_id, new)| activity_row(run_id, new)).collect();
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
            ("started_at", Kind::BigInt),
            ("expires_at", Kind::BigInt),
        ],
    );
    let sql = format!(
        "INSERT INTO activity_task (run_id, scheduled_event_id, namespace, activity_type, task_queue, priority, \
         attempt, visible_at_ms, owner, worker_identity, scheduled_at_ms, started_at_ms, \
         expires_at_ms, cancel_requested, heartbeat_sequence) \
         SELECT run_id, scheduled_event_id, namespace, activity_type, task_queue, priority, 1, visible_at, owner, \
         worker_identity, visible_at, started_at, expires_at, false, 0 FROM {source}"
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

/// Marks activities as asked to stop. One that waits for its next attempt need not wait to hear of it.
pub(super) async fn cancel_activities(tx: Tx<'_>, activities: Vec<(RunId, EventId)>) -> Result<(), DbErr> {
    let rows: Vec<LeaseRow> = activities
        .into_iter()
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
        "UPDATE activity_task SET cancel_requested = true, \
         visible_at_ms = CASE WHEN owner IS NULL THEN scheduled_at_ms ELSE visible_at_ms END WHERE (run_id, scheduled_event_id) IN \
         (SELECT v.run_id, v.scheduled_event_id FROM {})",
        tx.dialect.rows(1, LEASE_COLUMNS)
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}
