//! The database. Rows stay in here; what leaves are the engine's own types.
//!
//! Everything that is written goes through one [`writer`] that commits in groups; reads have connections of their
//! own, so that a slow list cannot hold up the work. See the modules of `write` for what each transaction holds.

mod batch;
mod cause;
mod database;
mod error;
mod failed;
mod holders;
mod location;
mod lock;
mod locked_runs;
mod no_answer;
mod queue;
mod read;
mod readiness;
mod remedy;
mod rights;
mod server_time;
mod sessions;
mod settings;
mod silence;
pub(crate) mod sql;
mod verdict;
mod wake;
mod write;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use ctutor_migration::{Migrator, MigratorTrait};
use sea_orm::DatabaseConnection;

pub use cause::Cause;
pub use database::DatabaseOptions;
pub use error::Error;
pub use holders::{Holder, LockedTables};
pub use location::Location;
pub use queue::Counters;
pub(crate) use queue::{Both, Outcome};
pub use rights::{MissingRights, Part};

pub(crate) use read::{
    run::{LoadedRun, Message, Shows},
    task::{ActivityKey, ExpiredActivity, Scheduled},
    waiting::{RunNames, WaitingTasks},
    worker::SeenWorker,
};
pub(crate) use wake::{TaskKind, Wake};
pub(crate) use write::{
    activity::{ActivityReport, AttemptEnd, ReportOutput, Reporter},
    activity_task::{ActivityLease, NewActivityTask, TakenActivity},
    claim::{Claim, ClaimActivityTasks, ClaimWorkflowTasks, ClaimedActivityTask, ClaimedWorkflowTask},
    heartbeat::{HeartbeatOutput, StoredHeartbeat},
    lease::{FailWorkflowTask, Held, RenewLease},
    rescue::{Rescue, RescueWorkflowTasks, Rescued},
    start::{Replaces, Start, StartOutput},
    step::{AfterStep, Step, StepOutput},
    stop::{CancelOutput, CancelRun, CloseOutput, CloseRun, DeleteRun, ForgetRequests},
    worker::{RegisterWorker, RemoveWorkers},
};

use crate::{
    chain,
    clock::{Busy, Timestamp},
    ids::WorkerId,
    log::outage::{self, Duty, Gravity, Outages},
};
use batch::Submit;
use database::{Connector, Target};
use sessions::Sessions;
use sql::{Dialect, Reader};

/// Kind of the message that asks a run to stop.
pub(crate) const CANCEL_REQUESTED: &str = "CancelRequested";
/// Kind of the message that carries the end of an activity.
pub(crate) const ACTIVITY_CLOSED: &str = "ActivityClosed";

/// The database. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    database: DatabaseConnection,
    reader: Reader,
    writer: queue::Handle,
    /// The lock of a file is held as long as the store is.
    connector: Connector,
    sessions: Sessions,
    outages: Arc<Outages>,
    /// Locks of others on whole tables.
    table_locks: holders::Watch,
    /// The workers of this process.
    local_workers: Arc<Mutex<HashSet<WorkerId>>>,
    /// No other process can use this database.
    exclusive: bool,
}

/// A worker of this process, as long as it lives: nothing is taken from it.
#[derive(Debug)]
#[must_use = "it counts as dead when this is dropped"]
pub(crate) struct LocalWorker {
    workers: Arc<Mutex<HashSet<WorkerId>>>,
    worker_id: WorkerId,
}

impl Drop for LocalWorker {
    fn drop(&mut self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.worker_id);
    }
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
    /// [`Error::UnknownScheme`] and [`Error::Location`] for a URL that names no database, [`Error::InUse`] when another
    /// process has the SQLite file, [`Error::File`] when the file cannot be used, [`Error::Database`] when the server
    /// cannot be reached.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, Error> {
        let target = Target::open(&options.location)?;
        let sessions = Sessions::default();
        let connector = Connector { options: options.clone(), target, sessions: sessions.clone() };
        let (writer, database) = writer::spawn(connector.clone()).await?;
        let reader = connector.reader().await?;
        let outages = Arc::new(Outages::new(connector.target.name()));
        let (exclusive, local_workers) = (connector.target.dialect() == Dialect::Sqlite, Arc::default());
        let table_locks = holders::Watch::default();
        Ok(Self {
            database,
            reader,
            writer,
            connector,
            sessions,
            outages,
            table_locks,
            local_workers,
            exclusive,
        })
    }

    /// The same database, with a count of the reads and writes in flight.
    pub(crate) fn counted_by(mut self, busy: &Busy) -> Self {
        self.reader.busy = busy.clone();
        self.writer = self.writer.counted_by(busy.clone());
        self
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`Error::Database`] when a step fails; the steps before it stay.
    pub async fn migrate(&self) -> Result<(), Error> {
        let Some(migrator) = self.connector.migrator().await? else {
            return Ok(Migrator::up(&self.database, None).await?);
        };
        let migrated = Migrator::up(&migrator, None).await;
        migrator.close().await?;
        Ok(migrated?)
    }

    /// Whether no other process can use this database.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Remembers a worker of this process.
    pub(crate) fn add_local_worker(&self, worker_id: WorkerId) -> LocalWorker {
        self.local_workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker_id);
        LocalWorker { workers: self.local_workers.clone(), worker_id }
    }

    /// The living workers of this process.
    pub(crate) fn local_workers(&self) -> Vec<WorkerId> {
        self.local_workers.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Reads on new sessions from now on: those that are there showed what is not true any more.
    pub(crate) fn distrust_sessions(&self) {
        self.sessions.distrust();
    }

    /// The same database as a process without workers has it. Leases in a file then go by the clocks of the processes.
    #[cfg(test)]
    pub(crate) fn of_another_process(&self) -> Self {
        Self { local_workers: Arc::default(), exclusive: false, ..self.clone() }
    }

    /// Whether it takes writes; it does not once its writer has died.
    pub(crate) fn is_open(&self) -> bool {
        self.writer.is_open()
    }

    /// Waits until it takes no writes any more.
    pub(crate) async fn closed(&self) {
        self.writer.closed().await;
    }

    /// Tells the log that something failed because of the database, with the cause if the error hides it. Looking for
    /// that may take seconds; work that must go on calls [`Self::failed_meanwhile`].
    pub(crate) async fn failed(&self, duty: Duty, error: &Error, now: Timestamp) {
        if let Some(search) = self.note_failure(duty, error, now) {
            search.await;
        }
    }

    /// As [`Self::failed`], without waiting until the cause is found.
    pub(crate) fn failed_meanwhile(&self, duty: Duty, error: &Error, now: Timestamp) {
        if let Some(search) = self.note_failure(duty, error, now) {
            tokio::spawn(search);
        }
    }

    /// Tells the log at once, or returns the search for the cause, after which it is told. The search opens a
    /// connection, of which the server may have no more, so it is made for a line that is due and for nothing else.
    fn note_failure(
        &self,
        duty: Duty,
        error: &Error,
        now: Timestamp,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        // Of a run that is locked the writer tells, once; that is no outage.
        if matches!(error, Error::Closed | Error::RunLocked(_)) {
            return None;
        }
        let line = self.outages.due(duty, &cause_of(error), now)?;
        if !error.hides_its_cause() {
            self.outages.tell(&line, None);
            return None;
        }
        let (store, error) = (self.clone(), error.clone());
        Some(async move {
            let cause = store.cause(&error, now).await;
            store.outages.tell(&line, cause.as_ref().map(cause_of));
        })
    }

    /// Why there is no connection, or what was waited for in vain; none if that cannot be found out.
    async fn cause(&self, error: &Error, now: Timestamp) -> Option<Error> {
        if error.waited_for_others() {
            let locks = self.table_locks().await.ok()?;
            let tables = holders::locked_tables(&locks);
            self.table_locks.seen(locks, now);
            return tables.map(Error::TablesLocked);
        }
        self.connector.cause(error).await
    }

    /// Tells the log that something succeeded that may have failed before.
    pub(crate) fn succeeded(&self, duty: Duty, now: Timestamp) {
        self.outages.succeeded(duty, now);
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

    pub(crate) fn try_enqueue<O: Submit>(
        &self,
        item: O,
    ) -> Result<impl Future<Output = Result<O::Output, Error>> + Send + use<O>, Error> {
        self.writer.try_enqueue(item)
    }

    pub(crate) fn try_enqueue_both<A: Submit, B: Submit>(
        &self,
        first: A,
        second: B,
    ) -> Result<Both<A, B>, Error> {
        self.writer.try_enqueue_both(first, second)
    }

    pub(crate) async fn enqueue<O: Submit>(
        &self,
        item: O,
    ) -> Result<impl Future<Output = Result<O::Output, Error>> + Send + use<O>, Error> {
        self.writer.enqueue(item).await
    }
}

fn cause_of(error: &Error) -> outage::Cause {
    let gravity = if !error.is_unavailable() {
        Gravity::Defect
    } else if error.needs_operator() {
        Gravity::Operator
    } else {
        Gravity::Passing
    };
    outage::Cause { error: chain(error).to_string(), code: error.code(), gravity, remedy: error.remedy() }
}
