//! The database. Rows stay in here; what leaves are the engine's own types.
//!
//! Everything that is written goes through one [`writer`] that commits in groups; reads have connections of their
//! own, so that a slow list cannot hold up the work. See the modules of `write` for what each transaction holds.

mod database;
mod error;
mod read;
pub(crate) mod sql;
mod wake;
mod write;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fmt,
    fs::File,
    sync::{Arc, Mutex, PoisonError},
};

use ctutor_migration::{Migrator, MigratorTrait};
use sea_orm::DatabaseConnection;

pub use database::DatabaseOptions;
pub use error::Error;
pub use writer::Counters;

pub(crate) use read::{
    execution::LoadedRun,
    task::{ExpiredActivity, Message},
    waiting::WaitingTasks,
};
pub(crate) use wake::{TaskKind, Wake};
pub(crate) use write::{
    activity::{ActivityReport, AttemptEnd, ReportOutput},
    activity_task::{ActivityLease, NewActivityTask, TakenActivity},
    claim::{Claim, ClaimActivityTasks, ClaimWorkflowTasks, ClaimedActivityTask, ClaimedWorkflowTask},
    heartbeat::{HeartbeatOutput, StoredHeartbeat},
    lease::{
        FailWorkflowTask, Held, RegisterWorker, RemoveWorkers, RenewLeases, Rescue, RescueWorkflowTasks,
    },
    start::{Replaces, Start, StartOutput},
    step::{AfterStep, Step, StepOutput},
    stop::{CancelOutput, CancelRun, CloseOutput, CloseRun, DeleteRun, ForgetRequests},
};

use crate::ids::WorkerId;
use sql::Reader;
use writer::Submit;

/// Kind of the message that asks a run to stop.
pub(crate) const CANCEL_REQUESTED: &str = "CancelRequested";
/// Kind of the message that carries the end of an activity.
pub(crate) const ACTIVITY_CLOSED: &str = "ActivityClosed";

/// The database. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    database: DatabaseConnection,
    reader: Reader,
    writer: writer::Handle,
    /// Held as long as the store is: an SQLite file belongs to one process at a time.
    lock: Option<Arc<File>>,
    /// The workers of this process.
    local_workers: Arc<Mutex<HashSet<WorkerId>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dialect", &self.reader.dialect).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects. Does not migrate.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] for a URL of another database, [`Error::InUse`] when another process has the
    /// SQLite file, [`Error::Database`] when it cannot be reached.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, Error> {
        let lock = database::sqlite_path(&options.url).map(database::lock).transpose()?.map(Arc::new);
        let dialect = database::dialect(&options.url)?;
        let (writer, database) = writer::spawn(options.clone(), dialect, lock.clone()).await?;
        let reader = database::connect_reader(options, dialect).await?;
        Ok(Self { database, reader, writer, lock, local_workers: Arc::default() })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`Error::Database`] when a step fails; the steps before it stay.
    pub async fn migrate(&self) -> Result<(), Error> {
        Ok(Migrator::up(&self.database, None).await?)
    }

    /// The names of the migrations that are still to be done.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Error> {
        let pending = Migrator::get_pending_migrations(&self.database).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    /// Whether no other process can be working with this database.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.lock.is_some()
    }

    /// Remembers a worker of this process: what it holds is in good hands.
    pub(crate) fn add_local_worker(&self, worker_id: WorkerId) {
        self.local_workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker_id);
    }

    /// The workers of this process.
    pub(crate) fn local_workers(&self) -> Vec<WorkerId> {
        self.local_workers.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Whether it takes writes; it does not once its writer has died.
    pub(crate) fn is_open(&self) -> bool {
        self.writer.is_open()
    }

    /// Waits until it takes no writes any more.
    pub(crate) async fn closed(&self) {
        self.writer.closed().await;
    }

    /// What was written so far.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        self.writer.counters()
    }

    pub(crate) async fn write<O: Submit>(&self, item: O) -> Result<O::Output, Error> {
        self.writer.write(item).await
    }

    pub(crate) async fn try_write<O: Submit>(&self, item: O) -> Result<O::Output, Error> {
        self.writer.try_write(item).await
    }

    pub(crate) async fn enqueue<O: Submit>(
        &self,
        item: O,
    ) -> Result<impl Future<Output = Result<O::Output, Error>> + Send + use<O>, Error> {
        self.writer.enqueue(item).await
    }
}
