//! Connections: one that writes, and some that read.

use std::{path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

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
}

impl DatabaseOptions {
    /// The usual options for a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), read_connections_max: 8, acquire_timeout: Duration::from_secs(5) }
    }
}

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
        Dialect::Postgres => postgres(options, 2, WRITER_PLANS).await,
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
    Ok(Reader { dialect, inner, connections })
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
pub(super) fn lock(path: &Path) -> Result<std::fs::File, Error> {
    let in_use = || Error::InUse { path: path.display().to_string() };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = std::fs::File::create(Path::new(&name)).map_err(|_| in_use())?;
    file.try_lock().map_err(|_| in_use())?;
    Ok(file)
}
