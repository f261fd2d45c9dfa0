//! Runs that sessions of others have locked.

use std::collections::BTreeSet;

use sea_orm::DbErr;
use uuid::Uuid;

use super::{
    holders::{Holder, listed, quoted},
    sql::{Dialect, Tx, json},
};

/// Workflows whose runs somebody else has locked, and who has.
#[derive(Debug, Default)]
pub(super) struct LockedRuns {
    pub(super) workflow_ids: BTreeSet<String>,
    holders: BTreeSet<Holder>,
}

impl LockedRuns {
    /// # Errors
    /// The database does not answer.
    pub(super) async fn of(runs: &BTreeSet<Uuid>, tx: Tx<'_>) -> Result<Self, DbErr> {
        let ids = tx.dialect.uuids(1);
        let names = format!("SELECT e.workflow_id FROM workflow_execution e WHERE e.run_id IN ({ids})");
        let rows = tx.query(names, vec![json(runs)]).await?;
        let workflow_ids = rows.iter().map(|row| row.try_get("", "workflow_id")).collect::<Result<_, _>>()?;
        if tx.dialect == Dialect::Sqlite {
            return Ok(Self { workflow_ids, holders: BTreeSet::new() });
        }
        let holders = format!(
            "SELECT l.pid, COALESCE(s.application_name, '') AS application \
             FROM workflow_task t JOIN pg_locks l ON l.locktype = 'transactionid' AND l.granted \
             AND l.transactionid = t.xmax LEFT JOIN pg_stat_activity s ON s.pid = l.pid \
             WHERE t.run_id IN ({ids}) AND l.pid IS NOT NULL"
        );
        let rows = tx.query(holders, vec![json(runs)]).await?;
        let holders = rows.iter().map(Holder::of).collect::<Result<_, _>>()?;
        Ok(Self { workflow_ids, holders })
    }

    /// Who has locked them.
    pub(super) fn who(&self) -> String {
        if self.holders.is_empty() { "another session".to_owned() } else { listed(&self.holders) }
    }

    /// The workflows, as a message names them.
    pub(super) fn what(&self) -> String {
        match self.workflow_ids.len() {
            0 => "some workflows".to_owned(),
            1 => format!("workflow {}", quoted(&self.workflow_ids)),
            _ => format!("workflows {}", quoted(&self.workflow_ids)),
        }
    }
}
