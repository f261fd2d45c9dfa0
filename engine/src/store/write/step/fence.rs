//! Where a stale lease is found out, and a message that a run must not end without.

use std::collections::{HashMap, HashSet};

use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use super::{
    AfterStep, Step,
    merge::{Chain, ChainKey},
};
use crate::{
    clock::Timestamp,
    ids::EventId,
    store::sql::{Kind, Tx, json},
};

#[derive(Serialize)]
struct FenceRow {
    run_id: Uuid,
    owner: Uuid,
    epoch: i64,
    expected: EventId,
    next: EventId,
    consumed: i64,
    keep: bool,
    closes: bool,
    visible_at: Timestamp,
}

const COLUMNS: &[(&str, Kind)] = &[
    ("run_id", Kind::Uuid),
    ("owner", Kind::Uuid),
    ("epoch", Kind::BigInt),
    ("expected", Kind::BigInt),
    ("next", Kind::BigInt),
    ("consumed", Kind::BigInt),
    ("keep", Kind::Bool),
    ("closes", Kind::Bool),
    ("visible_at", Kind::BigInt),
];

/// Advances the workflow tasks, which is where a stale lease is detected; returns which chains were
/// accepted, and when their runs want a worker.
pub(super) async fn fence(tx: Tx<'_>, chains: &[Chain]) -> Result<HashMap<ChainKey, Timestamp>, DbErr> {
    if chains.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<FenceRow> = chains.iter().map(|chain| FenceRow::from(&chain.step)).collect();
    let source = tx.dialect.rows(1, COLUMNS);
    // A message that came after those consumed makes a released run due at once: it has left its time in the row.
    // Both numbers stand in the same row, so the comparison sees the latest even when this statement had to wait
    // for the sender of a message. For the same reason a run cannot end beside a message that was accepted: the
    // sender of a request to stop was told that the run would hear of it.
    let sql = format!(
        "UPDATE workflow_task SET next_event_id = v.next, attempt = 0, failure = NULL, \
         owner = CASE WHEN v.keep THEN workflow_task.owner END, \
         lease_expires_at_ms = CASE WHEN v.keep THEN lease_expires_at_ms END, \
         visible_at_ms = CASE WHEN v.keep THEN visible_at_ms WHEN inbox_sequence > v.consumed THEN {least} \
         ELSE v.visible_at END \
         FROM {source} WHERE workflow_task.run_id = v.run_id AND workflow_task.owner = v.owner \
         AND workflow_task.epoch = v.epoch AND workflow_task.next_event_id = v.expected \
         AND (NOT v.closes OR inbox_sequence <= v.consumed) \
         RETURNING workflow_task.run_id, workflow_task.epoch, next_event_id, visible_at_ms",
        least = tx.dialect.least("visible_at_ms", "v.visible_at"),
    );
    let rows = tx.query(sql, vec![json(&rows)]).await?;
    rows.iter()
        .map(|row| {
            let key = ChainKey {
                run_id: row.try_get("", "run_id")?,
                epoch: row.try_get("", "epoch")?,
                next_event_id: row.try_get("", "next_event_id")?,
            };
            Ok((key, Timestamp(row.try_get("", "visible_at_ms")?)))
        })
        .collect()
}

/// Lets runs go that were about to end beside a message that their holder has not seen; returns those. The
/// message has made them due.
pub(super) async fn release_unread(tx: Tx<'_>, refused: &[&Chain]) -> Result<HashSet<ChainKey>, DbErr> {
    let closing = refused.iter().filter(|chain| matches!(chain.step.after, AfterStep::Close { .. }));
    let closing: HashMap<(Uuid, i64), &Chain> =
        closing.map(|chain| ((chain.step.run_id.0, chain.step.epoch), *chain)).collect();
    if closing.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<FenceRow> = closing.values().map(|chain| FenceRow::from(&chain.step)).collect();
    let sql = format!(
        "UPDATE workflow_task SET owner = NULL, lease_expires_at_ms = NULL FROM {} \
         WHERE workflow_task.run_id = v.run_id AND workflow_task.owner = v.owner \
         AND workflow_task.epoch = v.epoch AND workflow_task.next_event_id = v.expected \
         AND inbox_sequence > v.consumed RETURNING workflow_task.run_id, workflow_task.epoch",
        tx.dialect.rows(1, COLUMNS)
    );
    let rows = tx.query(sql, vec![json(&rows)]).await?;
    rows.iter()
        .map(|row| Ok(closing[&(row.try_get("", "run_id")?, row.try_get("", "epoch")?)].key()))
        .collect()
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
            closes: matches!(step.after, AfterStep::Close { .. }),
            visible_at,
        }
    }
}
