use std::{io, sync::Arc};

use ctutor_migration::{Migrator, MigratorTrait};
use sea_orm::{DbErr, RuntimeErr, sqlx};

use super::{
    cause::{Cause, driver},
    holders::LockedTables,
    no_answer::is_no_answer,
    remedy,
    rights::MissingRights,
    verdict::{self, Class, Retry},
};
use crate::open_files;

/// SQLSTATE of a write in a read-only transaction, and of a read that asks for the right to write.
const READ_ONLY: &str = "25006";

/// What can go wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database refused or did not answer.
    #[error("{}", what_failed(.0))]
    Database(#[source] Cause),
    /// The database takes no writes, as a standby does.
    #[error(
        "the database is read-only: it is a standby, or `default_transaction_read_only` is on; {}",
        remedy::READ_ONLY
    )]
    ReadOnly,
    /// Another session has locked the workflow task of a run and does not let it go; all other runs go on.
    #[error("another session has locked the workflow task of the run (SQLSTATE {})", remedy::LOCKED_CODE)]
    RunLocked(#[source] Cause),
    /// Another session has locked whole tables and does not let them go.
    #[error("{0} (SQLSTATE {code})", code = remedy::LOCKED_CODE)]
    TablesLocked(LockedTables),
    /// The login may not do all that it has to.
    #[error("{0}")]
    MissingRights(MissingRights),
    /// Tables of this version are missing.
    #[error(
        "the database lacks migrations (`{}`); run `ctutor migrate up`{}",
        pending.join("`, `"),
        if has_all(pending) { OTHER_SCHEMA } else { "" }
    )]
    NotMigrated {
        /// The migrations that are to be done.
        pending: Vec<String>,
    },
    /// A later version has migrated the database.
    #[error(
        "the database has migrations that this version does not know (`{}`): a later version of ctutor has migrated \
         it; start that version, or a still later one",
        unknown.join("`, `")
    )]
    Newer {
        /// The migrations that were done and are not known.
        unknown: Vec<String>,
    },
    /// More is asked of the database than it can take; the same request may succeed later.
    #[error("the database cannot keep up: {waiting} writes are waiting")]
    Overloaded {
        /// How many writes wait.
        waiting: usize,
    },
    /// The thread of the writer could not be started.
    #[error("the thread that writes to the database could not be started: {reason}")]
    Thread {
        /// What the operating system said, and what to do.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The code that was writing panicked; the panic itself is in the log.
    #[error("the code that was writing panicked")]
    Panicked,
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
    /// The database URL of a PostgreSQL server has a parameter that ctutor does not know.
    #[error(
        "the database URL has the parameter `{name}`, which is unknown; {}; known are {known}",
        .meant.map_or_else(|| "leave it out".to_owned(), |meant| format!("did you mean `{meant}`?"))
    )]
    UnknownParameter {
        /// Its name. Its value may be a secret.
        name: String,
        /// The one that may be meant.
        meant: Option<&'static str>,
        /// All that there are.
        known: String,
    },
    /// The database URL cannot be understood.
    #[error("the database `{found}` cannot be used: {problem}")]
    Location {
        /// The URL; it has no password in it.
        found: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// The file of the database, or the lock beside it, cannot be opened.
    #[error("the database `{path}` cannot be used: {reason}")]
    File {
        /// The database file.
        path: String,
        /// What the operating system said.
        reason: String,
    },
    /// The path of the database no longer leads to the file that is in use.
    #[error(
        "the database `{path}` was removed, moved or replaced while it was in use ({found}), so that what is written \
         to it would be lost; put the same file back, or start again with what is there now"
    )]
    Displaced {
        /// The database file.
        path: String,
        /// What is there instead.
        found: String,
    },
    /// Another process has the file of the database.
    #[error(
        "the database `{path}` is in use by {holder}; stop that process, or use another folder with `--data`"
    )]
    InUse {
        /// The database file.
        path: String,
        /// The process that has it.
        holder: String,
    },
}

impl Error {
    /// The thread of the writer could not be started.
    pub(super) fn thread(error: &io::Error) -> Self {
        let remedy = open_files::remedy(error).unwrap_or(
            "raise the limits of threads and memory of the process (`ulimit -u`, `TasksMax=` of its systemd unit)",
        );
        Self::Thread { reason: format!("{error}; {remedy}") }
    }

    /// Whether the database, and not the request, is at fault: the same request may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Overloaded { .. }
            | Self::ReadOnly
            | Self::RunLocked(_)
            | Self::TablesLocked(_)
            | Self::MissingRights(_)
            | Self::NotMigrated { .. }
            | Self::Newer { .. }
            | Self::Displaced { .. }
            | Self::Closed => true,
            Self::Database(source) => verdict::of(source).class != Class::Defect,
            _ => false,
        }
    }

    /// Whether a write was certainly refused, so that nothing was changed. Of other failures this is not known: the
    /// connection may have broken while the database committed, or what failed is a read after the write.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. } | Self::ReadOnly | Self::NotMigrated { .. } | Self::Newer { .. }
        )
    }

    /// The same, with a name of its own for the refusal of a server that takes no writes.
    pub(super) fn of_refusal(error: DbErr) -> Self {
        if is_read_only(&error) { Self::ReadOnly } else { error.into() }
    }

    /// The same, of a read after which something would have been written: where a read is refused as a write would be,
    /// it is known that nothing was changed.
    pub(crate) fn before_any_write(self) -> Self {
        match &self {
            Self::Database(source) if is_read_only(source) => Self::ReadOnly,
            _ => self,
        }
    }

    /// The same as an error of the driver, for where no others pass; [`Error::from`] makes it what it was.
    pub(super) fn into_driver(self) -> DbErr {
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(io::Error::other(self)))))
    }

    /// What an error of the driver was before [`Error::into_driver`].
    fn from_driver(error: &DbErr) -> Option<Self> {
        let sqlx::Error::Io(error) = driver(error)? else { return None };
        error.get_ref()?.downcast_ref().cloned()
    }

    /// Whether it does not pass without somebody who looks after the database.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        match self {
            Self::MissingRights(_)
            | Self::NotMigrated { .. }
            | Self::Newer { .. }
            | Self::Displaced { .. } => true,
            Self::Database(source) => verdict::of(source).class == Class::Operator,
            _ => false,
        }
    }

    /// SQLSTATE of PostgreSQL, or the result code of SQLite.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        let source = match self {
            Self::Database(source) | Self::RunLocked(source) => source,
            Self::TablesLocked(_) => return Some(remedy::LOCKED_CODE.to_owned()),
            _ => return None,
        };
        driver(source)?.as_database_error()?.code().map(Into::into)
    }

    /// What whoever runs ctutor or the database can do, where that is known. Some errors say so themselves.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Database(source) => remedy::of(driver(source)?),
            Self::RunLocked(_) | Self::TablesLocked(_) => Some(remedy::LOCKED),
            _ => None,
        }
    }

    /// Whether it says that something was waited for in vain, and not why.
    pub(super) fn hides_its_cause(&self) -> bool {
        self.waited_for_others() || matches!(self, Self::Database(source) if is_pool_timeout(source))
    }

    /// Whether others hold what was waited for.
    pub(super) fn waited_for_others(&self) -> bool {
        matches!(self, Self::Database(source) if verdict::of(source).retry == Retry::Others)
    }
}

/// Whether a pool had no connection to give in time, be it that all are in use or that none could be made.
pub(super) fn is_pool_timeout(error: &DbErr) -> bool {
    matches!(error, DbErr::ConnectionAcquire(_)) || matches!(driver(error), Some(sqlx::Error::PoolTimedOut))
}

/// Where none was done, they may have been done elsewhere.
const OTHER_SCHEMA: &str = "; if that was done, the tables are in a schema that is not in the `search_path` of the role of \
                            DATABASE_URL: name it there (`ALTER ROLE ROLE SET search_path = SCHEMA`)";

fn has_all(pending: &[String]) -> bool {
    pending.len() == Migrator::migrations().len()
}

fn what_failed(error: &DbErr) -> String {
    let what = match error {
        DbErr::Conn(RuntimeErr::SqlxError(source)) if is_no_answer(source) => "the database does not answer",
        DbErr::Conn(_) => "no connection to the database",
        DbErr::ConnectionAcquire(_) => "no free connection to the database",
        _ => "a database statement failed",
    };
    let source = driver(error).and_then(sqlx::Error::as_database_error);
    let code = source.and_then(|source| Some((source, source.code()?)));
    match code {
        Some((source, code)) if source.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() => {
            format!("{what} (SQLSTATE {code})")
        }
        Some((_, code)) => format!("{what} (SQLite result code {code})"),
        None => what.to_owned(),
    }
}

/// Whether a session of a standby refused a statement.
fn is_read_only(error: &DbErr) -> bool {
    let error = driver(error).and_then(sqlx::Error::as_database_error);
    error.and_then(sqlx::error::DatabaseError::code).as_deref() == Some(READ_ONLY)
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::from_driver(&error).unwrap_or_else(|| Self::Database(Arc::new(error).into()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))).into()
    }
}
