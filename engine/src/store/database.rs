//! Connections: one that writes, and some that read.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::ready};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{
        self, ConnectOptions as _, Connection,
        postgres::PgConnectOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Error, Location,
    error::is_pool_timeout,
    location::Place,
    lock::FileLock,
    no_answer::no_answer,
    sessions::Sessions,
    settings::{Role, WRITER_PATIENCE},
    silence::timed_out,
    sql::{Dialect, Reader},
    verdict,
};
use crate::{chain, clock::Busy};

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// A URL, or the path of an SQLite file.
    pub location: Location,
    /// Most connections for reading.
    pub read_connections_max: u32,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Longest wait for the answer to a read of PostgreSQL. A transaction that writes is waited for no longer either, nor
    /// for more than 4 s.
    pub statement_timeout: Duration,
}

impl DatabaseOptions {
    /// The usual options for a URL, or for the path of a file.
    #[must_use]
    pub fn new(location: impl Into<Location>) -> Self {
        Self {
            location: location.into(),
            read_connections_max: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// Between two tries to reach a server that is about to start.
const REACH_INTERVAL: Duration = Duration::from_millis(200);
/// Longest wait for the reason why there is no connection.
const CAUSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Statements kept prepared on each connection: more than the store has.
const STATEMENTS_PREPARED: usize = 256;

/// A database that this process may use: a server, or a file that it has locked.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Postgres { url: String },
    Sqlite { file: Arc<FileLock> },
}

impl Target {
    /// Finds the database, and locks it if it is a file.
    pub(super) fn open(location: &Location) -> Result<Self, Error> {
        Ok(match location.place()? {
            Place::Postgres(url) => Self::Postgres { url },
            Place::Sqlite(path) => Self::Sqlite { file: Arc::new(FileLock::acquire(&path)?) },
        })
    }

    /// Finds out whether the file is still where it was.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Postgres { .. } => Ok(()),
            Self::Sqlite { file } => file.check(),
        }
    }

    /// What it is called in log lines; without the password.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Sqlite { file } => format!("the database `{}`", file.path().display()),
            Self::Postgres { url } => match PgConnectOptions::from_str(url) {
                Ok(options) => {
                    let database = options.get_database().unwrap_or(options.get_username());
                    let host = options.get_socket().map(|folder| folder.display().to_string());
                    let host =
                        host.unwrap_or_else(|| format!("{}:{}", options.get_host(), options.get_port()));
                    format!("the database `{database}` on {host}")
                }
                Err(_) => "the database".to_owned(),
            },
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres { .. } => Dialect::Postgres,
            Self::Sqlite { .. } => Dialect::Sqlite,
        }
    }
}

/// How the connections of a store are made.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) options: DatabaseOptions,
    pub(super) target: Target,
    pub(super) sessions: Sessions,
}

impl Connector {
    /// The connection that writes.
    pub(super) async fn writer(&self) -> Result<DatabaseConnection, Error> {
        match &self.target {
            // One writes, one renews leases, and one is a replacement after a failure.
            Target::Postgres { url } => {
                self.reach(url).await?;
                self.postgres(url, 3, Role::Writer).await
            }
            Target::Sqlite { file } => self.sqlite(file.path(), 1, Access::ReadWrite).await,
        }
    }

    /// The connections that read; the writer must be connected before.
    pub(super) async fn reader(&self) -> Result<Reader, Error> {
        let (connections, inner, file) = match &self.target {
            Target::Postgres { url } => {
                let connections = self.options.read_connections_max;
                (connections, self.postgres(url, connections, Role::Reader).await?, None)
            }
            Target::Sqlite { file } => {
                let connections = self.options.read_connections_max.min(4);
                let inner = self.sqlite(file.path(), connections, Access::ReadOnly).await?;
                (connections, inner, Some(file.clone()))
            }
        };
        let (dialect, sessions) = (self.target.dialect(), self.sessions.clone());
        Ok(Reader {
            dialect,
            inner,
            connections,
            patience: self.patience(),
            sessions,
            busy: Busy::default(),
            file,
        })
    }

    /// A connection that changes the schema, where those of the writer have too little time for that.
    pub(super) async fn migrator(&self) -> Result<Option<DatabaseConnection>, Error> {
        match &self.target {
            Target::Postgres { url } => Ok(Some(self.postgres(url, 1, Role::Migrator).await?)),
            Target::Sqlite { .. } => Ok(None),
        }
    }

    /// How long a read may take. A file answers, or the machine is lost.
    pub(super) fn patience(&self) -> Option<Duration> {
        matches!(self.target, Target::Postgres { .. }).then_some(self.options.statement_timeout)
    }

    /// How long a transaction of the writer may take.
    pub(super) fn writer_patience(&self) -> Option<Duration> {
        self.patience().map(|patience| patience.min(WRITER_PATIENCE))
    }

    /// Waits until the server takes connections, unless it refuses them for a reason that does not pass by itself. A
    /// pool would not say why there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "a server is waited for, which no clock of the engine moves"
    )]
    async fn reach(&self, url: &str) -> Result<(), Error> {
        let connect = PgConnectOptions::from_str(url)?;
        let limit = self.options.acquire_timeout;
        let deadline = Instant::now() + limit;
        let mut is_told = false;
        loop {
            let error = match timeout_at(deadline, connect.connect()).await {
                Ok(Ok(connection)) => return Ok(connection.close().await?),
                Ok(Err(error)) => error,
                Err(_) => sqlx::Error::Io(timed_out(&connect).await),
            };
            let passes = verdict::passes_by_itself(&error);
            let error = Error::from(error);
            if !passes || Instant::now() + REACH_INTERVAL > deadline {
                return Err(error);
            }
            if !is_told {
                tracing::warn!(
                    error = %chain(&error),
                    sqlstate = error.code(),
                    "the database server cannot be reached yet; connecting is retried for up to {limit:?} \
                     (`database.acquire_timeout`)"
                );
                is_told = true;
            }
            tokio::time::sleep(REACH_INTERVAL).await;
        }
    }

    /// Why there is no connection. A pool hides that: it goes on connecting until its time is over.
    pub(super) async fn cause(&self, error: &Error) -> Option<Error> {
        let (Error::Database(source), Target::Postgres { url }) = (error, &self.target) else { return None };
        if !is_pool_timeout(source) {
            return None;
        }
        let connect = PgConnectOptions::from_str(url).ok()?;
        match timeout(CAUSE_TIMEOUT, connect.connect()).await {
            // The server takes connections: those of the pool are in use.
            Ok(Ok(connection)) => connection.close().await.err().map(Error::from),
            Ok(Err(error)) => Some(error.into()),
            Err(_) => Some(no_answer(CAUSE_TIMEOUT).into()),
        }
    }

    async fn postgres(&self, url: &str, connections: u32, role: Role) -> Result<DatabaseConnection, Error> {
        let mut connect = self.base(url, connections);
        let patience = self.options.statement_timeout;
        let settings =
            role.settings(if role == Role::Writer { patience.min(WRITER_PATIENCE) } else { patience });
        let sessions = self.sessions.clone();
        connect
            .map_sqlx_postgres_opts(move |options| {
                let options =
                    options.statement_cache_capacity(STATEMENTS_PREPARED).application_name("ctutor");
                options.options(settings.iter().map(|(name, value)| (*name, value)))
            })
            .map_sqlx_postgres_pool_opts(move |pool| {
                let (acquired, released) = (sessions.clone(), sessions.clone());
                pool.before_acquire(move |_, session| ready(Ok(acquired.trusts(session.age))).boxed())
                    .after_release(move |_, session| ready(Ok(released.trusts(session.age))).boxed())
            });
        match Database::connect(connect).await.map_err(Error::from) {
            Ok(connected) => Ok(connected),
            Err(error) => Err(self.cause(&error).await.unwrap_or(error)),
        }
    }

    async fn sqlite(
        &self,
        path: &Path,
        connections: u32,
        access: Access,
    ) -> Result<DatabaseConnection, Error> {
        // The name here only has to be one of SQLite: it is replaced below.
        let mut connect = self.base("sqlite:ctutor", connections);
        let name = file_uri(path);
        connect.map_sqlx_sqlite_opts(move |options| {
            let options = options
                .filename(&name)
                // The lock has made the file. One that vanishes must not come back empty.
                .create_if_missing(false)
                .read_only(access == Access::ReadOnly)
                .busy_timeout(Duration::from_secs(5))
                .statement_cache_capacity(STATEMENTS_PREPARED);
            match access {
                // `FULL` syncs the log at every commit: what was acknowledged survives a power cut.
                Access::ReadWrite => {
                    options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
                }
                Access::ReadOnly => options,
            }
        });
        let sessions = self.sessions.clone();
        connect.map_sqlx_sqlite_pool_opts(move |pool| {
            let (acquired, released) = (sessions.clone(), sessions.clone());
            pool.before_acquire(move |_, session| ready(Ok(acquired.trusts(session.age))).boxed())
                .after_release(move |_, session| ready(Ok(released.trusts(session.age))).boxed())
        });
        Ok(Database::connect(connect).await?)
    }

    fn base(&self, url: &str, connections: u32) -> ConnectOptions {
        let mut connect = ConnectOptions::new(url);
        connect
            .max_connections(connections)
            .acquire_timeout(self.options.acquire_timeout)
            .connect_timeout(self.options.acquire_timeout)
            // A broken connection shows itself in the next statement, which is then tried on another; asking first
            // would double every read.
            .test_before_acquire(false)
            .sqlx_logging(false);
        connect
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

/// The path as a URI with everything encoded. SQLite is asked to read URIs in any case, and would give names such as
/// `file:x` or `:memory:` a meaning of their own; a path that is not UTF-8 could not be handed over otherwise.
fn file_uri(path: &Path) -> PathBuf {
    const ORDINARY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    format!("file://{}", percent_encode(path.as_os_str().as_bytes(), ORDINARY)).into()
}
