//! Group commit: one task writes for the whole process.
//!
//! It takes what is waiting, applies it in one transaction, commits, and only then answers. Under load the batch
//! grows by itself and the cost of a commit is shared; unloaded it is a batch of one.
//!
//! | what fails | what happens |
//! | --- | --- |
//! | one item (a constraint, a value) | the transaction is rolled back and each item is tried in a transaction of its own, so only the culprit fails |
//! | the transaction, for another's sake (deadlock) | it is tried again |
//! | one item, as somebody else holds a row that it needs (`lock_timeout`, `statement_timeout`) | what needs a run that is locked fails, at once as long as it is locked, and the rest is written; where no run is locked, each item is tried alone, and after [`HELD_UP_MAX`] in a row that wait in vain the rest fails unasked |
//! | the connection in the commit | every item of several is tried again alone; whether the first commit took effect, the items find out: a step that did is stale, a start finds its own row |
//! | the session or the connection before the commit | it is tried again on a new session, as nothing was changed |
//! | the database as a whole (no answer, no space, no connections) | every item fails: what became of the transaction only the next read can show |
//! | the file of SQLite is no longer at its path | every item fails, also those of a commit that succeeded: nobody would find what was written |
//! | the process | nothing was acknowledged that was not committed |
//!
//! Renewals of leases have a queue and a connection of their own on PostgreSQL, and do not wait for the writes.
//!
//! It has a thread of its own. A transaction is a dozen round trips, and each would otherwise wait its turn among the
//! tasks that serve requests, just when there are many of those.
//!
//! Within a transaction the operations run in a fixed order, so that a run that is accepted, or released, or that
//! got a message in this batch can be claimed in the same one.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use sea_orm::{DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    Error,
    batch::{Batch, WriteBox},
    database::{Connector, Target},
    failed::{Failed, Phase, Trouble},
    locked_runs::LockedRuns,
    queue::{Counters, Handle, WAITING_ITEMS_MAX},
    sessions::Sessions,
    sql::{Dialect, Tx, within},
    verdict::Session,
    write::Locks,
};
use crate::chain;

/// Most items of one transaction.
const BATCH_ITEMS_MAX: usize = 512;
/// A transaction takes no further items once it carries this much.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most items in a row that are tried alone and wait for somebody else in vain. Each waits for `lock_timeout`, and
/// whatever comes after them waits as well.
const HELD_UP_MAX: usize = 2;

/// Starts the writer; also returns its connection, which others may use occasionally.
///
/// The lock of a file is held until everything that waited is written.
pub(super) async fn spawn(connector: Connector) -> Result<(Handle, DatabaseConnection), Error> {
    let (writes, waiting) = mpsc::channel(WAITING_ITEMS_MAX);
    let (renewals, waiting_renewals) = match connector.target.dialect() {
        Dialect::Postgres => {
            let (renewals, waiting) = mpsc::channel(WAITING_ITEMS_MAX);
            (renewals, Some(waiting))
        }
        Dialect::Sqlite => (writes.clone(), None),
    };
    let counters = Arc::new(Counters::default());
    let (connected, connection) = oneshot::channel();
    let trouble = Trouble::default();
    let of_writer = (counters.clone(), trouble.clone());
    let thread = move || {
        // Whoever asked may have gone away.
        let failed = |connected: oneshot::Sender<_>, error| drop(connected.send(Err(error)));
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(connected, Error::thread(&error)),
        };
        let lock = connector.target.clone();
        // The connection belongs to the runtime in which it is made.
        runtime.block_on(async move {
            let database = match connector.writer().await {
                Ok(database) => database,
                Err(error) => return failed(connected, error),
            };
            if connected.send(Ok(database.clone())).is_ok() {
                let writer = Writer {
                    database,
                    dialect: connector.target.dialect(),
                    target: connector.target.clone(),
                    patience: connector.writer_patience(),
                    sessions: connector.sessions.clone(),
                    trouble: of_writer.1,
                    counters: of_writer.0,
                    held_up: Mutex::default(),
                };
                let renew = async {
                    if let Some(waiting) = waiting_renewals {
                        // Each alone: one that waits for a row must not hold those of another.
                        writer.run(waiting, 1).await;
                    }
                };
                tokio::join!(writer.run(waiting, BATCH_ITEMS_MAX), renew);
            }
        });
        drop(lock);
    };
    std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(thread)
        .map_err(|error| Error::thread(&error))?;
    let database = connection.await.map_err(|_| Error::Closed)??;
    Ok((Handle::new(writes, renewals, trouble, counters), database))
}

struct Writer {
    database: DatabaseConnection,
    dialect: Dialect,
    target: Target,
    /// Longest wait for the end of a transaction.
    patience: Option<Duration>,
    sessions: Sessions,
    trouble: Trouble,
    counters: Arc<Counters>,
    held_up: Mutex<Option<HeldUp>>,
}

/// Runs that somebody else has locked and does not let go, and what that is to whoever needs them.
#[derive(Clone)]
struct HeldUp {
    runs: BTreeSet<Uuid>,
    error: Error,
}

impl Writer {
    async fn run(&self, mut waiting: mpsc::Receiver<WriteBox>, items_max: usize) {
        let mut taken = Vec::with_capacity(items_max);
        while waiting.recv_many(&mut taken, items_max).await > 0 {
            let mut batch = Batch::default();
            let mut size_bytes = 0;
            for item in taken.drain(..) {
                if size_bytes > 0 && size_bytes + item.size_bytes > BATCH_BYTES_MAX {
                    self.write(std::mem::take(&mut batch)).await;
                    size_bytes = 0;
                }
                size_bytes += item.size_bytes;
                batch.push(item.write);
                if let Some(with) = item.with {
                    batch.push(*with);
                }
            }
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Batch) {
        if let Err(error) = self.target.check() {
            return self.refuse(batch, &error);
        }
        let mut batch = self.without_held_up(batch).await;
        let Err(mut failed) = self.commit(&mut batch).await else { return self.succeed(batch) };
        if failed.waited_for_others() {
            let held = self.held_by_others(&batch.locks()).await;
            if !held.is_empty() {
                let (free, needy) = batch.divide(&held);
                batch = free;
                let error = Error::RunLocked(Arc::new(failed.error).into());
                needy.fail(&error);
                self.hold_up(held, error).await;
                match self.commit(&mut batch).await {
                    Ok(()) => return self.succeed(batch),
                    Err(again) => failed = again,
                }
            }
        }
        if batch.len() == 1 || !failed.is_worth_splitting() {
            self.fail(batch, failed);
            return;
        }
        let items = batch.len();
        let written = self.write_apart(batch).await;
        if written == 0 && failed.waited_for_others() {
            // Somebody has locked a whole table: who asked for the items tells of that, with the cause.
            return;
        }
        let error = Error::of_refusal(failed.error);
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        tracing::warn!(
            error = %chain(&error),
            sqlstate = error.code(),
            items,
            written,
            "a group commit failed, and each of its items was tried alone: {written} of {items} were written, and who \
             asked for the rest was told that it failed{remedy}"
        );
    }

    /// Returns how many were written.
    async fn write_apart(&self, batch: Batch) -> usize {
        let (mut hopeless, mut held_up, mut written) = (None, 0, 0);
        for mut single in batch.split() {
            if let Some(error) = &hopeless {
                single.fail(error);
                continue;
            }
            match self.commit(&mut single).await {
                Ok(()) => {
                    held_up = 0;
                    written += 1;
                    self.succeed(single);
                }
                Err(failed) => {
                    held_up = if failed.waited_for_others() { held_up + 1 } else { 0 };
                    // A database that is away would let each of them wait for its whole patience.
                    let is_hopeless = !failed.is_worth_splitting() || held_up == HELD_UP_MAX;
                    let error = self.fail(single, failed);
                    hopeless = is_hopeless.then_some(error);
                }
            }
        }
        written
    }

    /// Remembers runs that somebody else has locked, and tells of them.
    async fn hold_up(&self, runs: BTreeSet<Uuid>, error: Error) {
        let look = async {
            let inner = self.database.begin().await?;
            let found = LockedRuns::of(&runs, Tx { dialect: self.dialect, inner: &inner }).await;
            inner.rollback().await?;
            found
        };
        let found = within(self.patience, look).await.unwrap_or_default();
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        tracing::warn!(
            error = %chain(&error),
            sqlstate = error.code(),
            run.ids = ?runs,
            workflow.ids = ?found.workflow_ids,
            "{} has locked the workflow task of {}; what is meant for it is refused until that session ends its \
             transaction, and all else goes on{remedy}",
            found.who(),
            found.what()
        );
        let mut known = self.held_up.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.take().map(|held_up| held_up.runs).unwrap_or_default();
        *known = Some(HeldUp { runs: &runs | &before, error });
    }

    /// Fails what needs a run that was locked a while ago and still is: whoever tries again and again must not make the
    /// others wait each time.
    async fn without_held_up(&self, batch: Batch) -> Batch {
        let known = self.held_up.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(HeldUp { mut runs, error }) = known else { return batch };
        let asked = batch.locks().among(&runs);
        if asked.is_empty() {
            return batch;
        }
        let held = self.held_by_others(&asked).await;
        runs.retain(|run_id| held.contains(run_id) || !asked.contains(run_id));
        let (free, needy) = batch.divide(&held);
        needy.fail(&error);
        *self.held_up.lock().unwrap_or_else(PoisonError::into_inner) =
            (!runs.is_empty()).then_some(HeldUp { runs, error });
        free
    }

    /// Which of the runs somebody else has locked now; none if that cannot be found out.
    async fn held_by_others(&self, locks: &Locks) -> BTreeSet<Uuid> {
        let look = async {
            let inner = self.database.begin().await?;
            let held = locks.held_by_others(Tx { dialect: self.dialect, inner: &inner }).await;
            inner.rollback().await?;
            held
        };
        within(self.patience, look).await.unwrap_or_default()
    }

    fn succeed(&self, batch: Batch) {
        // What was committed to a file that is gone by now is gone with it.
        if let Err(error) = self.target.check() {
            return self.refuse(batch, &error);
        }
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        self.counters.writes.fetch_add(batch.len(), Ordering::Relaxed);
        self.trouble.succeeded(|| batch.size_bytes());
        batch.answer();
    }

    fn fail(&self, batch: Batch, failed: Failed) -> Error {
        let is_of_item = failed.waited_for_others();
        let error = Error::of_refusal(failed.error);
        if is_of_item {
            batch.fail(&error);
        } else {
            self.refuse(batch, &error);
        }
        error
    }

    fn refuse(&self, batch: Batch, error: &Error) {
        if error.is_unavailable() {
            self.trouble.failed(error, batch.size_bytes());
        }
        batch.fail(error);
    }

    async fn commit(&self, batch: &mut Batch) -> Result<(), Failed> {
        let mut tries = 1;
        loop {
            let mut phase = Phase::Before;
            let transaction = self.transaction(batch, &mut phase);
            let Err(error) = within(self.patience, transaction).await else { return Ok(()) };
            let failed = Failed { error, phase };
            if failed.verdict().session == Session::Discard {
                self.sessions.distrust();
            }
            if tries >= failed.tries_max() {
                return Err(failed);
            }
            tries += 1;
        }
    }

    async fn transaction(&self, batch: &mut Batch, phase: &mut Phase) -> Result<(), DbErr> {
        self.counters.begun.fetch_add(1, Ordering::Relaxed);
        // A deferred transaction of SQLite that reads first cannot always become a writing one.
        let sqlite_transaction_mode =
            (self.dialect == Dialect::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
        let inner = self.database.begin_with_options(options).await?;
        match batch.apply(Tx { dialect: self.dialect, inner: &inner }).await {
            Ok(()) => {
                *phase = Phase::Commit;
                let committed = inner.commit().await;
                if committed.is_err() {
                    self.sessions.distrust();
                }
                committed
            }
            Err(error) => {
                // SQLite ends some transactions by itself, as when the disk is full. The connection then still counts
                // one as open, and whatever begins later would be a part of it that nothing ever commits.
                if inner.rollback().await.is_err() {
                    self.sessions.distrust();
                }
                Err(error)
            }
        }
    }
}
