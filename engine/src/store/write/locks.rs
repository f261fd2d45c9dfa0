//! The order in which transactions lock rows, so that no two processes wait for each other.
//!
//! A row of `workflow_task` stands for its run: whoever changes rows of an open run, and would wait for one of them,
//! locks that row first. A transaction locks all that it needs at its begin, in the order of the run IDs, whatever its
//! operations do later and in whatever order. What it waits for afterwards comes in this order:
//!
//! | table | who waits | in the order of |
//! | --- | --- | --- |
//! | `workflow_task` | steps, reports, heartbeats, messages, cancellations, ends; all before anything else | `run_id` |
//! | `worker`, `workflow_type` | registrations, renewals | key; one worker a renewal |
//! | `start_request` | starts | namespace, caller, request ID |
//! | `workflow_execution` | starts, by the index of open workflow IDs | namespace, workflow ID |
//! | `activity_task`, `history_event`, `message` | nobody: the row of the run is held | |
//! | `workflow_execution` of closed runs | deletions | `run_id` |
//!
//! Claims, rescues and sweeps pass over what is locked (`SKIP LOCKED`), so they may take what they find; so do those who
//! lock the row of a lost worker. SQLite has one writer, and needs none of this.

use std::collections::BTreeSet;

use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    ids::RunId,
    store::sql::{Dialect, Kind, Tx, json},
};

/// What the items of a transaction change that others may hold.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    runs: BTreeSet<Uuid>,
    /// Runs that are known only by their workflow ID.
    open: BTreeSet<WorkflowKey>,
    /// Something else of the runs is locked as well, perhaps before their rows in `workflow_task`.
    has_others: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct WorkflowKey {
    namespace: String,
    workflow_id: String,
}

impl Locks {
    /// A row of `workflow_task` and nothing before it.
    pub(crate) fn run(&mut self, run_id: RunId) {
        self.runs.insert(run_id.0);
    }

    /// A run with its activities.
    pub(crate) fn run_with_activities(&mut self, run_id: RunId) {
        self.has_others = true;
        self.run(run_id);
    }

    /// The open run that has a workflow ID.
    pub(crate) fn open_run(&mut self, namespace: &str, workflow_id: &str) {
        self.has_others = true;
        self.open
            .insert(WorkflowKey { namespace: namespace.to_owned(), workflow_id: workflow_id.to_owned() });
    }

    /// Whether one of these runs is among them.
    pub(in crate::store) fn touch(&self, runs: &BTreeSet<Uuid>) -> bool {
        !self.runs.is_disjoint(runs)
    }

    /// Those of the runs that are among them.
    pub(in crate::store) fn among(&self, runs: &BTreeSet<Uuid>) -> Self {
        Self { runs: self.runs.intersection(runs).copied().collect(), ..Self::default() }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(in crate::store) fn contains(&self, run_id: &Uuid) -> bool {
        self.runs.contains(run_id)
    }

    /// Locks them in their order; waits for whoever has them.
    pub(in crate::store) async fn take(mut self, tx: Tx<'_>) -> Result<(), DbErr> {
        if tx.dialect == Dialect::Sqlite || (self.runs.len() + self.open.len() <= 1 && !self.has_others) {
            return Ok(());
        }
        if !self.open.is_empty() {
            let sql = format!(
                "SELECT e.run_id FROM {} JOIN workflow_execution e ON e.namespace = v.namespace \
                 AND e.workflow_id = v.workflow_id AND e.closed_at_ms IS NULL",
                tx.dialect.rows(1, &[("namespace", Kind::Text), ("workflow_id", Kind::Text)])
            );
            for row in tx.query(sql, vec![json(&self.open)]).await? {
                self.runs.insert(row.try_get("", "run_id")?);
            }
        }
        if !self.runs.is_empty() {
            tx.query(locking(tx, "FOR UPDATE OF a"), vec![json(&self.runs)]).await?;
        }
        Ok(())
    }

    /// Those that somebody else has locked now.
    pub(in crate::store) async fn held_by_others(&self, tx: Tx<'_>) -> Result<BTreeSet<Uuid>, DbErr> {
        let mut runs = BTreeSet::new();
        for row in tx.query(locking(tx, ""), vec![json(&self.runs)]).await? {
            runs.insert(row.try_get("", "run_id")?);
        }
        for row in tx.query(locking(tx, "FOR UPDATE OF a SKIP LOCKED"), vec![json(&self.runs)]).await? {
            runs.remove(&row.try_get("", "run_id")?);
        }
        Ok(runs)
    }
}

fn locking(tx: Tx<'_>, lock: &str) -> String {
    let runs = tx.dialect.uuids(1);
    format!("SELECT a.run_id FROM workflow_task a WHERE a.run_id IN ({runs}) ORDER BY a.run_id {lock}")
}
