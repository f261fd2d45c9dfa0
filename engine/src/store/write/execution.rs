//! Rows of runs: their events, what lists show of them, and what only open ones have.

use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    history::EncodedEvent,
    ids::{EventId, RunId},
    store::sql::{Kind, Tx, json},
};

#[derive(Serialize)]
struct EventRow<'a> {
    run_id: Uuid,
    event_id: EventId,
    event_type: &'static str,
    time_ms: Timestamp,
    attributes: &'a str,
}

/// Appends events; a position that is taken fails the transaction.
pub(super) async fn append_events(tx: Tx<'_>, events: &[(RunId, &EncodedEvent)]) -> Result<(), DbErr> {
    let rows: Vec<EventRow<'_>> = events
        .iter()
        .map(|(run_id, event)| EventRow {
            run_id: run_id.0,
            event_id: event.event_id,
            event_type: event.event_type.as_str(),
            time_ms: event.time,
            attributes: &event.attributes,
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

/// Runs that have ended, by what only open runs have.
#[derive(Default)]
pub(super) struct OpenRows {
    pub(super) workflow_tasks: Vec<Uuid>,
    /// Those that may have activity tasks.
    pub(super) activity_tasks: Vec<Uuid>,
    /// Those that may have messages.
    pub(super) messages: Vec<Uuid>,
}

impl OpenRows {
    /// Everything that a run may have.
    pub(super) fn of(run_id: RunId) -> Self {
        let run = vec![run_id.0];
        Self { workflow_tasks: run.clone(), activity_tasks: run.clone(), messages: run }
    }

    /// Removes them.
    pub(super) async fn remove(&self, tx: Tx<'_>) -> Result<(), DbErr> {
        for (table, runs) in [
            ("workflow_task", &self.workflow_tasks),
            ("activity_task", &self.activity_tasks),
            ("message", &self.messages),
        ] {
            if !runs.is_empty() {
                let sql = format!("DELETE FROM {table} WHERE run_id IN ({})", tx.dialect.uuids(1));
                tx.execute(sql, vec![json(runs)]).await?;
            }
        }
        Ok(())
    }
}
