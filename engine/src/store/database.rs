//! Connections: one that writes, and some that read.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions as _, Connection,
        postgres::PgConnectOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::time::{Instant, timeout_at};

use super::{
    Error,
    sql::{Dialect, Reader},
};

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// `postgres://…` or `sqlite:PATH`.
    pub url: String,
    /// Most connections for reading.
    pub read_connections_max: u32,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Longest wait for the answer to a read, or to all of a transaction, of PostgreSQL.
    pub statement_timeout: Duration,
}

impl DatabaseOptions {
    /// The usual options for a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            read_connections_max: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// Between two tries to reach a server that is about to start.
const REACH_INTERVAL: Duration = Duration::from_millis(200);
/// Statements kept prepared on each connection: more than the store has.
const STATEMENTS_PREPARED: usize = 256;

/// Which SQL the database of the URL speaks.
pub(super) fn dialect(url: &str) -> Result<Dialect, Error> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Ok(Dialect::Postgres)
    } else if url.starts_with("sqlite:") {
        Ok(Dialect::Sqlite)
    } else {
        // No more than the scheme: a URL may hold a password.
        let scheme = url.split(':').next().unwrap_or_default().chars().take(20).collect();
        Err(Error::UnknownScheme { scheme })
    }
}

/// The connection that writes; for SQLite it makes the file, too.
pub(super) async fn connect_writer(
    options: &DatabaseOptions,
    dialect: Dialect,
) -> Result<DatabaseConnection, Error> {
    match dialect {
        // The writer uses one connection; a second serves migrations and a replacement after a failure.
        Dialect::Postgres => {
            reach(options).await?;
            postgres(options, 2, WRITER_PLANS).await
        }
        Dialect::Sqlite => sqlite(options, 1, Access::ReadWrite).await,
    }
}

/// The connections that read; the writer must be connected before.
pub(super) async fn connect_reader(options: &DatabaseOptions, dialect: Dialect) -> Result<Reader, Error> {
    let connections = match dialect {
        Dialect::Postgres => options.read_connections_max,
        Dialect::Sqlite => options.read_connections_max.min(4),
    };
    let inner = match dialect {
        Dialect::Postgres => postgres(options, connections, &[]).await?,
        Dialect::Sqlite => sqlite(options, connections, Access::ReadOnly).await?,
    };
    Ok(Reader { dialect, inner, connections, patience: patience(options, dialect) })
}

/// How long an answer is waited for. A file answers, or the machine is lost.
pub(super) fn patience(options: &DatabaseOptions, dialect: Dialect) -> Option<Duration> {
    (dialect == Dialect::Postgres).then_some(options.statement_timeout)
}

/// The file of an SQLite URL; `None` for PostgreSQL.
#[must_use]
pub(super) fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path).split('?').next().unwrap_or(path)))
}

/// The statements of the writer go by keys, and are prepared once. One that is planned while a table is small would
/// read all of it for as long as nobody analyzes the table, though it grows to millions of rows meanwhile.
const WRITER_PLANS: &[(&str, &str)] =
    &[("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];

/// Waits until the server takes connections. A pool would not say why it does not.
async fn reach(options: &DatabaseOptions) -> Result<(), Error> {
    let wrap = |error| Error::from(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))));
    let connect = PgConnectOptions::from_str(&options.url).map_err(wrap)?;
    let deadline = Instant::now() + options.acquire_timeout;
    loop {
        let error = match timeout_at(deadline, connect.connect()).await {
            Ok(Ok(connection)) => return connection.close().await.map_err(wrap),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(io::ErrorKind::TimedOut.into()),
        };
        let starting =
            matches!(&error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused);
        if !starting || Instant::now() + REACH_INTERVAL > deadline {
            return Err(wrap(error));
        }
        tokio::time::sleep(REACH_INTERVAL).await;
    }
}

async fn postgres(
    options: &DatabaseOptions,
    connections: u32,
    settings: &'static [(&str, &str)],
) -> Result<DatabaseConnection, Error> {
    let mut connect = base(options, connections);
    connect.map_sqlx_postgres_opts(move |options| {
        let options = options.statement_cache_capacity(STATEMENTS_PREPARED).application_name("ctutor");
        options.options(settings.iter().copied())
    });
    Ok(Database::connect(connect).await?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

async fn sqlite(
    options: &DatabaseOptions,
    connections: u32,
    access: Access,
) -> Result<DatabaseConnection, Error> {
    let mut connect = base(options, connections);
    connect.map_sqlx_sqlite_opts(move |options| {
        let options = options
            .create_if_missing(access == Access::ReadWrite)
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
    Ok(Database::connect(connect).await?)
}

fn base(options: &DatabaseOptions, connections: u32) -> ConnectOptions {
    let mut connect = ConnectOptions::new(&options.url);
    connect
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        // A broken connection shows itself in the next statement, which is then tried on another; asking first
        // would double every read.
        .test_before_acquire(false)
        .sqlx_logging(false);
    connect
}

/// Locks the folder entry beside an SQLite file for this process; the operating system frees it when it ends,
/// however it ends.
pub(super) fn lock(path: &Path) -> Result<File, Error> {
    let shown = || path.display().to_string();
    let failed = |source: io::Error| Error::File { path: shown(), reason: source.to_string() };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::create(Path::new(&name)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: shown() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
