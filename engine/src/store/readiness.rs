//! Whether requests make sense now.

use ctutor_migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbErr, Statement, TransactionTrait};

use super::{
    Error, Store,
    sql::Dialect,
    verdict::{self, Retry, Session},
};

/// Whether the session may write, as the server sees it: not on a standby, nor with `default_transaction_read_only`.
const IS_READ_ONLY: &str = "SELECT current_setting('transaction_read_only') = 'on' AS is_read_only";

/// Changes nothing, but has to be written.
const WRITE: &str = "UPDATE seaql_migrations SET applied_at = applied_at";

impl Store {
    /// Whether the database answers, has the tables of this version, and takes writes, also where it is read from.
    ///
    /// After a write that failed because of the database, a write is tried here: on a server without traffic nothing
    /// else would find out that the database is well again.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Displaced`], [`Error::NotMigrated`], [`Error::ReadOnly`], [`Error::Database`].
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        if !self.is_open() {
            return Err(Error::Closed);
        }
        self.target.check()?;
        let pending = self.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(Error::NotMigrated { pending });
        }
        if self.is_read_only().await? {
            // Perhaps only this session is, because it is older than a failover.
            self.sessions.distrust();
            if self.is_read_only().await? {
                return Err(Error::ReadOnly);
            }
        }
        self.can_read().await?;
        if self.writer.trouble().get().is_some() {
            self.probe().await?;
            self.writer.trouble().set(None);
        }
        Ok(())
    }

    /// The names of the migrations that are still to be done.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Error> {
        let pending = self.asked(|| Migrator::get_pending_migrations_read_only(&self.database)).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    async fn is_read_only(&self) -> Result<bool, Error> {
        if self.reader.dialect == Dialect::Sqlite {
            return Ok(false);
        }
        let statement = || Statement::from_string(self.reader.dialect.backend(), IS_READ_ONLY);
        let row = self.asked(|| self.database.query_one_raw(statement())).await?;
        Ok(row.map(|row| row.try_get("", "is_read_only")).transpose()?.unwrap_or(false))
    }

    /// Whether a session for reading leads to a server that takes writes, as the one of the writer does.
    async fn can_read(&self) -> Result<(), Error> {
        let read = self.reader.rows("SELECT 1".to_owned(), Vec::new()).await;
        read.map(drop).map_err(Error::of_refusal)
    }

    async fn probe(&self) -> Result<(), Error> {
        let write = || async {
            let transaction = self.database.begin().await?;
            transaction.execute_unprepared(WRITE).await?;
            transaction.commit().await
        };
        self.asked(write).await
    }

    /// Asks once more on a new session when the first one turned out to be of no use. Asking twice changes nothing.
    async fn asked<T, F: Future<Output = Result<T, DbErr>>>(&self, ask: impl Fn() -> F) -> Result<T, Error> {
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
