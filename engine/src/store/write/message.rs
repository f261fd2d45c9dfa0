//! Messages to runs: what others want a run to know.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use super::{Locks, Operation};
use crate::{
    clock::Timestamp,
    ids::{RunId, WorkerId},
    store::{
        Wake,
        sql::{Kind, Tx, json},
    },
};

/// A message for the inbox of a run.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) run_id: RunId,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    pub(crate) now: Timestamp,
}

impl Operation for NewMessage {
    /// Whom to wake; `None` when the run has ended.
    type Output = Option<Wake>;

    fn size_bytes(&self) -> usize {
        self.body.len()
    }

    fn locks(&self, locks: &mut Locks) {
        locks.run(self.run_id);
    }

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Self::Output>, DbErr>> {
        Box::pin(apply(tx, items))
    }
}

#[derive(Serialize)]
struct Bump {
    run_id: Uuid,
    messages: i64,
    now: Timestamp,
}

#[derive(Serialize)]
struct Row<'a> {
    run_id: Uuid,
    sequence: i64,
    kind: &'a str,
    body: &'a str,
    now: Timestamp,
}

/// Inserts messages.
///
/// Their numbers come from a counter in the row of the workflow task, under its lock. The holder of the lease
/// reads the same counter when it lets the run go, so a message is never left lying beside a sleeping run.
pub(super) async fn apply(tx: Tx<'_>, items: &[NewMessage]) -> Result<Vec<Option<Wake>>, DbErr> {
    let mut bumps: BTreeMap<Uuid, Bump> = BTreeMap::new();
    for item in items {
        let bump =
            bumps.entry(item.run_id.0).or_insert(Bump { run_id: item.run_id.0, messages: 0, now: item.now });
        bump.messages += 1;
    }
    let rows =
        tx.dialect.rows(1, &[("run_id", Kind::Uuid), ("messages", Kind::BigInt), ("now", Kind::BigInt)]);
    let sql = format!(
        "UPDATE workflow_task SET inbox_sequence = inbox_sequence + v.messages, visible_at_ms = {least} \
         FROM {rows} WHERE workflow_task.run_id = v.run_id \
         RETURNING workflow_task.run_id, inbox_sequence, owner, task_queue",
        least = tx.dialect.least("visible_at_ms", "v.now"),
    );
    let bumps: Vec<Bump> = bumps.into_values().collect();
    let counts: HashMap<Uuid, i64> = bumps.iter().map(|bump| (bump.run_id, bump.messages)).collect();
    let mut wakes: HashMap<Uuid, Wake> = HashMap::new();
    let mut next: HashMap<Uuid, i64> = HashMap::new();
    for row in tx.query(sql, vec![json(&bumps)]).await? {
        let run_id: Uuid = row.try_get("", "run_id")?;
        let last: i64 = row.try_get("", "inbox_sequence")?;
        next.insert(run_id, last - counts[&run_id]);
        let owner: Option<Uuid> = row.try_get("", "owner")?;
        let task_queue: String = row.try_get("", "task_queue")?;
        wakes.insert(run_id, Wake::of_run(owner.map(WorkerId), &task_queue));
    }
    insert(tx, items, &mut next).await?;
    Ok(items.iter().map(|item| wakes.get(&item.run_id.0).cloned()).collect())
}

async fn insert(tx: Tx<'_>, items: &[NewMessage], next: &mut HashMap<Uuid, i64>) -> Result<(), DbErr> {
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        if let Some(sequence) = next.get_mut(&item.run_id.0) {
            *sequence += 1;
            let (kind, body) = (item.kind, item.body.as_str());
            rows.push(Row { run_id: item.run_id.0, sequence: *sequence, kind, body, now: item.now });
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let source = tx.dialect.rows(
        1,
        &[
            ("run_id", Kind::Uuid),
            ("sequence", Kind::BigInt),
            ("kind", Kind::Text),
            ("body", Kind::Text),
            ("now", Kind::BigInt),
        ],
    );
    let sql = format!(
        "INSERT INTO message (run_id, sequence, kind, body, created_at_ms) \
         SELECT run_id, sequence, kind, body, now FROM {source} WHERE true"
    );
    tx.execute(sql, vec![json(&rows)]).await?;
    Ok(())
}
