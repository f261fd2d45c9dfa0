//! Statements over many rows at once, with one text for both databases.
//!
//! A batch travels as a single JSON parameter: the text of a statement then never depends on the number of its
//! rows, so each connection prepares it once, and nulls, which arrays cannot carry, need no care.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement, Value,
    prelude::async_trait::async_trait,
    sea_query::{Expr, SimpleExpr},
};
use serde::Serialize;

use super::{
    Error,
    lock::FileLock,
    no_answer::no_answer,
    sessions::Sessions,
    verdict::{self, Retry, Session},
};
use crate::clock::{Busy, Timestamp};

/// Which SQL the database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// Types of the columns of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Uuid,
    BigInt,
    Int,
    Text,
    Bool,
}

impl Dialect {
    /// The rows of a batch as a table expression named `v`, whose JSON is parameter `$parameter`.
    pub(super) fn rows(self, parameter: usize, columns: &[(&str, Kind)]) -> String {
        match self {
            Self::Postgres => {
                let columns: Vec<_> =
                    columns.iter().map(|(name, kind)| format!("{name} {}", kind.postgres())).collect();
                format!("json_to_recordset(${parameter}::json) AS v({})", columns.join(", "))
            }
            Self::Sqlite => {
                let columns: Vec<_> = columns.iter().map(|(name, kind)| kind.sqlite(name)).collect();
                format!("(SELECT {} FROM json_each(${parameter})) AS v", columns.join(", "))
            }
        }
    }

    /// Keeps claims of two workers out of each other's way; SQLite has one writer at a time anyway.
    pub(super) fn skip_locked(self) -> &'static str {
        match self {
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
            Self::Sqlite => "",
        }
    }

    /// Holds the rows of table alias `a` until the transaction ends.
    pub(super) fn lock_a(self) -> &'static str {
        match self {
            Self::Postgres => "FOR UPDATE OF a",
            Self::Sqlite => "",
        }
    }

    /// The smaller of two values.
    pub(super) fn least(self, a: &str, b: &str) -> String {
        match self {
            Self::Postgres => format!("LEAST({a}, {b})"),
            Self::Sqlite => format!("MIN({a}, {b})"),
        }
    }

    /// The texts of a JSON list as a one-column query.
    pub(super) fn texts(self, parameter: usize) -> String {
        match self {
            Self::Postgres => format!("SELECT json_array_elements_text(${parameter}::json)"),
            Self::Sqlite => format!("SELECT value FROM json_each(${parameter})"),
        }
    }

    /// The UUIDs of a JSON list as a one-column query.
    pub(super) fn uuids(self, parameter: usize) -> String {
        match self {
            Self::Postgres => format!("SELECT json_array_elements_text(${parameter}::json)::uuid"),
            Self::Sqlite => format!("SELECT unhex(value, '-') FROM json_each(${parameter})"),
        }
    }

    /// Whether a column has one of these UUIDs, by its index and with one text for any number of them.
    pub(super) fn among<T: Serialize>(self, column: &str, ids: &[T]) -> SimpleExpr {
        let text = self.any_of(column, 1);
        // The builder numbers the parameters of PostgreSQL anew, and knows those of SQLite by another mark.
        let text = if self == Self::Sqlite { text.replace("$1", "?") } else { text };
        Expr::cust_with_values(text, [json(ids)])
    }

    /// The same, whose JSON list is parameter `$parameter`.
    pub(super) fn any_of(self, column: &str, parameter: usize) -> String {
        let uuids = self.uuids(parameter);
        match self {
            // A sub-query alone could become a join with all of the table.
            Self::Postgres => format!("{column} = ANY (ARRAY({uuids}))"),
            Self::Sqlite => format!("{column} IN ({uuids})"),
        }
    }

    /// The time that leases go by, in milliseconds: of the server, whose clock all processes share. A file has one process
    /// and no clock; the time of that process becomes one more of the values.
    pub(super) fn lease_clock(self, now: Timestamp, values: &mut Vec<Value>) -> String {
        match self {
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)".to_owned(),
            Self::Sqlite => {
                values.push(now.0.into());
                format!("${}", values.len())
            }
        }
    }

    /// A time that is due at once for everybody: not later than the clock of the server, as the clock of the process may be
    /// ahead of the others.
    pub(super) fn by_now(self, now: &str) -> String {
        match self {
            Self::Postgres => {
                format!("LEAST({now}, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint))")
            }
            Self::Sqlite => now.to_owned(),
        }
    }

    pub(super) fn backend(self) -> DbBackend {
        match self {
            Self::Postgres => DbBackend::Postgres,
            Self::Sqlite => DbBackend::Sqlite,
        }
    }
}

impl Kind {
    fn postgres(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::BigInt => "bigint",
            Self::Int => "integer",
            Self::Text => "text",
            Self::Bool => "boolean",
        }
    }

    fn sqlite(self, name: &str) -> String {
        match self {
            Self::Uuid => format!("unhex(value->>'{name}', '-') AS {name}"),
            Self::BigInt | Self::Int | Self::Text | Self::Bool => format!("value->>'{name}' AS {name}"),
        }
    }
}

/// A list of rows or values as the JSON parameter of a statement.
pub(super) fn json<T: Serialize + ?Sized>(rows: &T) -> Value {
    let text = serde_json::to_string(rows).expect("rows are made of texts, numbers and identifiers");
    Value::String(Some(text))
}

/// A transaction together with the SQL that it speaks.
#[derive(Clone, Copy)]
pub(crate) struct Tx<'a> {
    pub(super) dialect: Dialect,
    pub(super) inner: &'a DatabaseTransaction,
}

impl Tx<'_> {
    pub(super) async fn execute(&self, sql: String, values: Vec<Value>) -> Result<u64, DbErr> {
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        self.inner.execute_raw(statement).await.map(|result| result.rows_affected())
    }

    pub(super) async fn query(&self, sql: String, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
        let statement = Statement::from_sql_and_values(self.dialect.backend(), sql, values);
        self.inner.query_all_raw(statement).await
    }
}

/// Begins each read from PostgreSQL: asks for the right to write, changes nothing and locks no row.
///
/// A former primary goes on answering reads with what was true before a failover, and a session does not tell whom it
/// leads to. But a read-only server refuses this with SQLSTATE 25006 in the very statement, without a further round
/// trip and without an instant in between. Of the tables that every login may update, this one is altered the least.
///
/// It has a price. PostgreSQL makes no parallel plan for a statement that writes; the login needs the right to UPDATE
/// the table; and the table is locked (ROW EXCLUSIVE) before those that are read, until the statement ends, or the
/// transaction that it is in. A migration that locks this table and others therefore locks this one first, or it and
/// a read can wait for each other: see `docs/CONTRIBUTING.md`.
const ON_A_PRIMARY: &str = "on_a_primary AS (UPDATE worker SET draining = draining WHERE false)";

/// Most new sessions that one read tries. More than one, as a session may have been on its way to the former primary
/// when the others were discarded.
const NEW_SESSIONS_MAX: u32 = 3;

/// Connections for reading together with the SQL that they speak.
///
/// A server that was restarted has broken all of them, and each says so only when it is used next. A read changes
/// nothing, so it is tried on the next connection then, at most once on each. A server that takes no writes is not
/// read from: what it has may be old.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) dialect: Dialect,
    pub(super) inner: DatabaseConnection,
    pub(super) connections: u32,
    /// Longest wait for an answer.
    pub(super) patience: Option<Duration>,
    pub(super) sessions: Sessions,
    pub(super) busy: Busy,
    /// The file, if it is one: a new connection opens what is at its path.
    pub(super) file: Option<Arc<FileLock>>,
}

impl Reader {
    pub(super) async fn rows(&self, sql: String, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
        self.query_all_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await
    }

    async fn on_a_whole_connection<T, F: Future<Output = Result<T, DbErr>>>(
        &self,
        mut statement: Statement,
        read: impl Fn(Statement) -> F,
    ) -> Result<T, DbErr> {
        let _work = self.busy.begin();
        if let Some(file) = &self.file {
            file.check().map_err(Error::into_driver)?;
        }
        if self.dialect == Dialect::Postgres {
            let guarded = on_a_primary(&statement.sql);
            debug_assert!(guarded.is_ok(), "{guarded:?}");
            statement.sql = guarded?;
        }
        let mut tries = 0;
        loop {
            let error = match within(self.patience, read(statement.clone())).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let verdict = verdict::of(&error);
            if verdict.session == Session::Discard {
                self.sessions.distrust();
            }
            let tries_max = match verdict.retry {
                Retry::Never | Retry::Others => 0,
                // All sessions that were there are discarded: the next one is new.
                Retry::NewSession => NEW_SESSIONS_MAX.min(self.connections),
                Retry::Reads | Retry::Again => self.connections,
            };
            if tries >= tries_max {
                return Err(error);
            }
            tries += 1;
        }
    }
}

/// The read, begun with [`ON_A_PRIMARY`]. One that cannot begin with it could be answered by a former primary, and is
/// refused.
pub(super) fn on_a_primary(sql: &str) -> Result<String, DbErr> {
    const RECURSIVE: &str = "WITH RECURSIVE ";
    if let Some(rest) = sql.strip_prefix(RECURSIVE) {
        return Ok(format!("{RECURSIVE}{ON_A_PRIMARY}, {rest}"));
    }
    if sql.starts_with("SELECT ") {
        return Ok(format!("WITH {ON_A_PRIMARY} {sql}"));
    }
    Err(DbErr::Custom(format!("a read must begin with `SELECT ` or `{RECURSIVE}`, but is `{sql}`")))
}

/// Waits for a database no longer than its patience lasts: one that hangs counts as unavailable.
pub(super) async fn within<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let Some(patience) = patience else { return work.await };
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(no_answer(patience)))
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.dialect.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.on_a_whole_connection(statement, |statement| self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.on_a_whole_connection(statement, |statement| self.inner.query_all_raw(statement)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_cannot_ask_for_the_right_to_write_is_refused() {
        let guarded = on_a_primary("WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a").unwrap();
        assert_eq!(guarded, format!("WITH RECURSIVE {ON_A_PRIMARY}, a AS (SELECT 1) SELECT * FROM a"));
        assert_eq!(on_a_primary("SELECT 1").unwrap(), format!("WITH {ON_A_PRIMARY} SELECT 1"));
        for sql in ["WITH a AS (SELECT 1) SELECT * FROM a", "select 1", "TABLE worker", "(SELECT 1)", ""] {
            let error = Error::from(on_a_primary(sql).unwrap_err());
            assert!(!error.is_unavailable(), "{sql}: {error:?}");
        }
    }
}
