//! Sessions of others that keep this process from writing, as an administrator does who has forgotten a transaction.
//!
//! PostgreSQL tells of a wait that was in vain, and not for whom. Who has locked a table is in `pg_locks`; who has
//! locked a row has left the ID of its transaction there and in the row. Every login may see both, and the name that a
//! session has given itself; to see what that session does takes more rights.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{DbErr, QueryResult};

use super::rights;
use crate::clock::Timestamp;

/// Most names in one message.
const NAMED_MAX: usize = 5;
/// A table that is locked for less than this is no reason to turn requests away: a migration, or the end of a vacuum,
/// locks one for a moment.
const MOMENT: Duration = Duration::from_secs(5);

/// A session that has, or waits for, a lock that others need.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    pid: i32,
    /// What it calls itself.
    application: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session with PID {}", self.pid)?;
        if self.application.is_empty() { Ok(()) } else { write!(f, " (`{}`)", self.application) }
    }
}

impl Holder {
    pub(super) fn of(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self { pid: row.try_get("", "pid")?, application: row.try_get("", "application")? })
    }
}

/// Tables that others have locked, so that nothing can be written to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedTables {
    tables: BTreeSet<String>,
    holders: BTreeSet<Holder>,
}

impl fmt::Display for LockedTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.tables.len() == 1 { "the table" } else { "the tables" };
        write!(f, "{what} {} can be used by {} alone", quoted(&self.tables), listed(&self.holders))
    }
}

/// A lock on a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TableLock {
    table: String,
    /// As the server names it: no two transactions have the same.
    transaction: String,
    holder: Holder,
}

/// All that these locks keep from being used; none if there are none.
pub(super) fn locked_tables(locks: &[TableLock]) -> Option<LockedTables> {
    let tables: BTreeSet<_> = locks.iter().map(|lock| lock.table.clone()).collect();
    let holders = locks.iter().map(|lock| lock.holder.clone()).collect();
    (!tables.is_empty()).then_some(LockedTables { tables, holders })
}

/// Locks that no write gets past. One that is only waited for is no better: whoever comes later waits behind it.
pub(super) fn table_locks_query() -> String {
    let tables: Vec<String> =
        rights::tables().iter().map(|table| format!("to_regclass('{table}')")).collect();
    format!(
        "SELECT l.relation::regclass::text AS relation, l.virtualtransaction AS transaction, l.pid, \
         COALESCE(s.application_name, '') AS application \
         FROM pg_locks l LEFT JOIN pg_stat_activity s ON s.pid = l.pid \
         WHERE l.locktype = 'relation' AND l.relation = ANY (ARRAY[{}]::oid[]) \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') \
         AND l.pid <> pg_backend_pid()",
        tables.join(", ")
    )
}

pub(super) fn table_lock(row: &QueryResult) -> Result<TableLock, DbErr> {
    let (table, transaction) = (row.try_get("", "relation")?, row.try_get("", "transaction")?);
    Ok(TableLock { table, transaction, holder: Holder::of(row)? })
}

/// Since when tables are known to be locked. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<BTreeMap<TableLock, Timestamp>>>);

impl Watch {
    /// These are all locks that there are now. Returns those that have lasted for longer than a moment.
    pub(super) fn seen(&self, locks: Vec<TableLock>, now: Timestamp) -> Vec<TableLock> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |lock: TableLock| {
            let since = known.get(&lock).copied().unwrap_or(now);
            (lock, since)
        };
        let all: BTreeMap<_, _> = locks.into_iter().map(since).collect();
        *known = all;
        known.iter().filter(|(_, since)| now.since(**since) >= MOMENT).map(|(lock, _)| lock.clone()).collect()
    }
}

pub(super) fn quoted(names: &BTreeSet<String>) -> String {
    bounded(names.iter().map(|name| format!("`{}`", name.escape_debug())))
}

pub(super) fn listed(holders: &BTreeSet<Holder>) -> String {
    bounded(holders.iter().map(Holder::to_string))
}

/// Some of them, and how many more there are.
fn bounded(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut text = names.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(table: &str, transaction: &str) -> TableLock {
        let holder = Holder { pid: 7, application: "psql".to_owned() };
        TableLock { table: table.to_owned(), transaction: transaction.to_owned(), holder }
    }

    #[test]
    fn a_lock_counts_once_it_has_lasted_and_as_long_as_it_is_there() {
        let (first, second) = (lock("message", "3/1"), lock("message", "3/2"));
        let table = [
            (0, vec![first.clone()], vec![]),
            (4, vec![first.clone()], vec![]),
            // Another transaction of the same session.
            (5, vec![second.clone()], vec![]),
            (10, vec![second.clone()], vec![second.clone()]),
            (11, vec![second.clone(), first.clone()], vec![second.clone()]),
            (12, vec![first.clone()], vec![]),
            (13, vec![], vec![]),
            (30, vec![first.clone()], vec![]),
            (90, vec![first.clone()], vec![first.clone()]),
        ];
        let watch = Watch::default();
        for (second, seen, expected) in table {
            assert_eq!(watch.seen(seen, Timestamp(second * 1_000)), expected, "at {second} s");
        }
    }

    #[test]
    fn a_message_names_some_and_counts_the_rest() {
        let locks: Vec<_> = (0..7).map(|number| lock(&format!("t{number}"), "3/1")).collect();
        assert_eq!(
            locked_tables(&locks).unwrap().to_string(),
            "the tables `t0`, `t1`, `t2`, `t3`, `t4` and 2 more can be used by the session with PID 7 (`psql`) alone"
        );
        assert_eq!(locked_tables(&[]), None);
    }
}
