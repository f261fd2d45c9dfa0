use sea_orm::{DbErr, RuntimeErr, sqlx};

/// What can go wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database refused or did not answer.
    #[error("the database did not do as asked")]
    Database(#[source] std::sync::Arc<DbErr>),
    /// More is asked of the database than it can take; the same request may succeed later.
    #[error("the database cannot keep up: {waiting} writes are waiting")]
    Overloaded {
        /// How many writes wait.
        waiting: usize,
    },
    /// The thread of the writer could not be started.
    #[error("the thread that writes to the database could not be started: {reason}")]
    Thread {
        /// What the operating system said.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A stored value that this version cannot read.
    #[error("column `{column}` of table `{table}`, row `{key}`, cannot be read: {reason}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The database URL names no database that ctutor can use.
    #[error("the database URL must begin with `postgres://` or `sqlite:`, but begins with `{scheme}`")]
    UnknownScheme {
        /// How it begins.
        scheme: String,
    },
    /// The file of the database, or the lock beside it, cannot be made.
    #[error("the database `{path}` cannot be used: {reason}")]
    File {
        /// The database file.
        path: String,
        /// What the operating system said.
        reason: String,
    },
    /// Another process works with this data folder.
    #[error("another ctutor process works with `{path}`; stop it, or use another folder with `--data`")]
    InUse {
        /// The database file.
        path: String,
    },
}

impl Error {
    /// Whether the same request may well succeed a little later, because the database is away or cannot keep up.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Overloaded { .. } => true,
            Self::Database(source) => is_away(source),
            _ => false,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(std::sync::Arc::new(error))
    }
}

/// The database did not answer in time.
pub(super) fn no_answer() -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(std::sync::Arc::new(sqlx::Error::PoolTimedOut)))
}

/// Whether the database did not answer in time, or gave no connection.
pub(super) fn is_no_answer(error: &DbErr) -> bool {
    matches!(error, DbErr::ConnectionAcquire(_))
        || sqlx_error(error).is_some_and(|source| matches!(source, sqlx::Error::PoolTimedOut))
}

/// Whether the database, and not the statement, is at fault.
fn is_away(error: &DbErr) -> bool {
    is_no_answer(error) || is_broken_connection(error)
}

/// Whether the connection broke while it was used, so that the same statement may succeed on another.
pub(super) fn is_broken_connection(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Io(_)) => true,
        // PostgreSQL's connection exceptions, and what it says while it ends or starts.
        Some(sqlx::Error::Database(error)) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P0"))
        }
        _ => false,
    }
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    let (DbErr::Conn(RuntimeErr::SqlxError(source))
    | DbErr::Exec(RuntimeErr::SqlxError(source))
    | DbErr::Query(RuntimeErr::SqlxError(source))) = error
    else {
        return None;
    };
    Some(&**source)
}

/// Whether the database gave the transaction up for another's sake, so that the same one may succeed.
pub(super) fn is_transient(error: &DbErr) -> bool {
    // Serialization failure and deadlock on PostgreSQL.
    sqlx_error(error)
        .and_then(sqlx::Error::as_database_error)
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "40001" || code == "40P01")
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use super::*;

    #[test]
    fn a_broken_connection_may_be_better_later_and_a_wrong_statement_will_not() {
        let runtime = |error| RuntimeErr::SqlxError(Arc::new(error));
        let broken = || runtime(sqlx::Error::Io(io::ErrorKind::BrokenPipe.into()));
        for error in [DbErr::Conn(broken()), DbErr::Exec(broken()), DbErr::Query(broken())] {
            assert!(Error::from(error).is_unavailable());
        }
        assert!(!Error::from(DbErr::Query(runtime(sqlx::Error::RowNotFound))).is_unavailable());
    }
}
