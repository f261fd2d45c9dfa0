//! Whether requests make sense now.

use std::time::Duration;

use ctutor_migration::{Migrator, MigratorTrait};
use rand::{RngExt, SeedableRng, distr::Alphanumeric, rngs::Xoshiro256PlusPlus};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::{
    Error, Part, RenewLease, Store,
    failed::LastFailure,
    holders::{self, TableLock},
    rights::{self, Missing, MissingRights},
    sql::{Dialect, within},
    verdict::{self, Retry, Session},
};
use crate::{clock::Timestamp, ids::WorkerId};

/// Whether the session may write, as the server sees it: not on a standby, nor with `default_transaction_read_only`.
const IS_READ_ONLY: &str = "SELECT current_setting('transaction_read_only') = 'on' AS is_read_only";

/// The migrations that were done.
const MIGRATIONS: &str = "SELECT version FROM seaql_migrations ORDER BY version";

/// Writes a message to a run that cannot be: its ID is nil.
const WRITE: &str = "INSERT INTO message (run_id, sequence, kind, body, created_at_ms) VALUES ($1, 0, 'Probe', $2, 0) \
                     ON CONFLICT (run_id, sequence) DO UPDATE SET body = excluded.body";
/// Takes it back.
const UNDO: &str = "DELETE FROM message WHERE run_id = $1";
/// Most that is written to try out whether the database takes as much as it refused.
const PROBE_BYTES_MAX: usize = 1024 * 1024;

impl Store {
    /// Whether the database answers, has the tables of this version with all rights that a process needs that serves
    /// the API, and takes writes, also where it is read from.
    ///
    /// After a write that failed because of the database, a write as large is tried here: on a server without traffic
    /// nothing else would find out that the database is well again, and a small one may fit on a disk that is full. Who
    /// asks often does not make it write often: what is known holds until it is time to try again.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Displaced`], [`Error::MissingRights`], [`Error::NotMigrated`], [`Error::Newer`],
    /// [`Error::ReadOnly`], [`Error::TablesLocked`], [`Error::Database`].
    pub(crate) async fn ready(&self, now: Timestamp) -> Result<(), Error> {
        self.is_at_its_place()?;
        // First: without the right to read them, the migrations would seem to be missing.
        let parts =
            if self.local_workers().is_empty() { &[Part::Api][..] } else { &[Part::Api, Part::Worker] };
        self.may(parts).await?;
        let pending = self.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(Error::NotMigrated { pending });
        }
        self.takes_writes().await?;
        // Before anything waits for a lock.
        self.tables_are_free(now).await?;
        self.can_read().await?;
        let Some(LastFailure { error, size_bytes }) = self.writer.trouble().get() else { return Ok(()) };
        if !self.writer.trouble().probe_is_due(now) {
            return Err(error);
        }
        self.probe(size_bytes).await
    }

    /// Whether the login may do all that the parts do. Tables that do not exist are not looked at.
    ///
    /// # Errors
    /// [`Error::MissingRights`], [`Error::Database`].
    pub async fn may(&self, parts: &[Part]) -> Result<(), Error> {
        if self.reader.dialect == Dialect::Sqlite {
            return Ok(());
        }
        self.lacks_nothing(&rights::query(parts)).await
    }

    /// Whether a query for what is not granted finds nothing.
    async fn lacks_nothing(&self, sql: &str) -> Result<(), Error> {
        let statement = || Statement::from_string(self.reader.dialect.backend(), sql);
        let rows = self.asked(|| self.database.query_all_raw(statement())).await?;
        let Some(first) = rows.first() else { return Ok(()) };
        let role = first.try_get("", "role")?;
        let missing = |row: &sea_orm::QueryResult| -> Result<Missing, DbErr> {
            Ok(Missing { object: row.try_get("", "object")?, operations: row.try_get("", "operations")? })
        };
        let rights = rows.iter().map(missing).collect::<Result<_, _>>()?;
        Err(Error::MissingRights(MissingRights { role, rights }))
    }

    /// Whether a worker could renew its leases now.
    ///
    /// The migrations do not matter: while versions take turns, the former one still has workers, and those that die
    /// must be found.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Displaced`], [`Error::ReadOnly`], [`Error::Database`]; what the renewal of a worker
    /// that does not exist meets.
    pub(crate) async fn can_renew_leases(&self, now: Timestamp) -> Result<(), Error> {
        self.is_at_its_place()?;
        self.takes_writes().await?;
        self.can_read().await?;
        // The renewal finds no row, and does not notice a full disk.
        self.probe(1).await?;
        let nobody = WorkerId(Uuid::nil());
        let renewal = RenewLease {
            worker_id: nobody,
            now,
            lasts: Duration::ZERO,
            slots_used: 0,
            draining: true,
            clock_offset_ms: None,
        };
        self.write(renewal).await.map(|_| ())
    }

    /// Whether the writer lives, and a file is still at its path.
    fn is_at_its_place(&self) -> Result<(), Error> {
        if !self.is_open() {
            return Err(Error::Closed);
        }
        self.connector.target.check()
    }

    /// Whether the server lets this process write, as a primary does.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Database`].
    pub(crate) async fn takes_writes(&self) -> Result<(), Error> {
        if self.is_read_only().await? {
            // Perhaps only this session is, because it is older than a failover.
            self.sessions.distrust();
            if self.is_read_only().await? {
                return Err(Error::ReadOnly);
            }
        }
        Ok(())
    }

    /// The names of the migrations that are still to be done.
    ///
    /// # Errors
    /// [`Error::MissingRights`] when the schema of the tables may not be used, [`Error::Newer`], [`Error::Database`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Error> {
        // A schema that may not be used looks as if nothing were in it. Where another one may be used, that one is meant.
        if self.reader.dialect == Dialect::Postgres {
            self.lacks_nothing(&format!("{} AND current_schema() IS NULL", rights::UNUSABLE_SCHEMAS)).await?;
        }
        match self.asked(|| Migrator::get_pending_migrations_read_only(&self.database)).await {
            Ok(pending) => Ok(pending.iter().map(|migration| migration.name().to_owned()).collect()),
            Err(error) => {
                let unknown = self.unknown_migrations().await?;
                Err(if unknown.is_empty() { error } else { Error::Newer { unknown } })
            }
        }
    }

    /// The migrations that were done and that this version does not know.
    async fn unknown_migrations(&self) -> Result<Vec<String>, Error> {
        let statement = || Statement::from_string(self.reader.dialect.backend(), MIGRATIONS);
        let rows = self.asked(|| self.database.query_all_raw(statement())).await?;
        let done: Vec<String> =
            rows.iter().map(|row| row.try_get("", "version")).collect::<Result<_, _>>()?;
        let known: Vec<String> =
            Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        Ok(done.into_iter().filter(|version| !known.contains(version)).collect())
    }

    async fn is_read_only(&self) -> Result<bool, Error> {
        if self.reader.dialect == Dialect::Sqlite {
            return Ok(false);
        }
        let statement = || Statement::from_string(self.reader.dialect.backend(), IS_READ_ONLY);
        let row = self.asked(|| self.database.query_one_raw(statement())).await?;
        Ok(row.map(|row| row.try_get("", "is_read_only")).transpose()?.unwrap_or(false))
    }

    /// Whether others let this process write to its tables, but for a moment.
    ///
    /// # Errors
    /// [`Error::TablesLocked`], [`Error::Database`].
    async fn tables_are_free(&self, now: Timestamp) -> Result<(), Error> {
        let lasting = self.table_locks.seen(self.table_locks().await?, now);
        holders::locked_tables(&lasting).map_or(Ok(()), |tables| Err(Error::TablesLocked(tables)))
    }

    /// The locks of others on whole tables.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(super) async fn table_locks(&self) -> Result<Vec<TableLock>, Error> {
        if self.reader.dialect == Dialect::Sqlite {
            return Ok(Vec::new());
        }
        let sql = holders::table_locks_query();
        let statement = || Statement::from_string(self.reader.dialect.backend(), sql.as_str());
        let rows = self.asked(|| self.database.query_all_raw(statement())).await?;
        Ok(rows.iter().map(holders::table_lock).collect::<Result<_, _>>()?)
    }

    /// Whether a session for reading leads to a server that takes writes, as the one of the writer does.
    async fn can_read(&self) -> Result<(), Error> {
        let read = self.reader.rows("SELECT 1".to_owned(), Vec::new()).await;
        read.map(drop).map_err(Error::of_refusal)
    }

    /// Finds out whether the database takes as much, and remembers what it found. In a task of its own: whoever asks
    /// may go away, as a client or a timeout does, and what is written must be taken back all the same.
    async fn probe(&self, size_bytes: usize) -> Result<(), Error> {
        let store = self.clone();
        let probe = tokio::spawn(async move {
            let found = store.write_and_take_back(size_bytes.min(PROBE_BYTES_MAX)).await;
            match &found {
                Ok(()) => store.writer.trouble().succeeded(|| size_bytes),
                Err(error) if error.is_unavailable() => store.writer.trouble().failed(error, size_bytes),
                Err(_) => {}
            }
            found
        });
        probe
            .await
            .unwrap_or_else(|error| Err(if error.is_panic() { Error::Panicked } else { Error::Closed }))
    }

    /// Not in one transaction: SQLite ends one by itself when the disk is full, and the connection, which is the
    /// writer's, would not know.
    async fn write_and_take_back(&self, size_bytes: usize) -> Result<(), Error> {
        let (backend, patience) = (self.reader.dialect.backend(), self.reader.patience);
        let nobody = Uuid::nil();
        let body = incompressible(size_bytes);
        let write = || Statement::from_sql_and_values(backend, WRITE, [nobody.into(), body.as_str().into()]);
        let undo = || Statement::from_sql_and_values(backend, UNDO, [nobody.into()]);
        self.asked(|| within(patience, self.database.execute_raw(write()))).await?;
        self.asked(|| within(patience, self.database.execute_raw(undo()))).await?;
        Ok(())
    }

    /// Asks once more on a new session when the first one turned out to be of no use. Asking twice changes nothing.
    pub(super) async fn asked<T, F: Future<Output = Result<T, DbErr>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, Error> {
        let error = match ask().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let verdict = verdict::of(&error);
        if verdict.session == Session::Discard {
            self.sessions.distrust();
        }
        if verdict.retry == Retry::Never {
            return Err(error.into());
        }
        Ok(ask().await?)
    }
}

/// A string that takes up as much on the disk: PostgreSQL and some file systems compress what repeats itself.
pub(super) fn incompressible(size_bytes: usize) -> String {
    let random = Xoshiro256PlusPlus::seed_from_u64(0);
    random.sample_iter(Alphanumeric).take(size_bytes).map(char::from).collect()
}
