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
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::{
    Error,
    batch::{Batch, Reply, Submit, WriteBox},
    database::{Connector, Target},
    failed::{Failed, Phase, Trouble},
    sessions::Sessions,
    sql::{Dialect, Tx, within},
    verdict::Session,
    write::{Locks, Operation, Queue},
};

/// Most items of one transaction.
const BATCH_ITEMS_MAX: usize = 512;
/// A transaction takes no further items once it carries this much.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most items that wait; one more from outside is refused, one more from inside waits.
const WAITING_ITEMS_MAX: usize = 8_192;
/// Most that the waiting items may carry together, except that a single one is let in whatever its size.
const WAITING_BYTES_MAX: u32 = 128 * 1024 * 1024;
/// Most items in a row that are tried alone and wait for somebody else in vain. Each waits for `lock_timeout`, and
/// whatever comes after them waits as well.
const HELD_UP_MAX: usize = 2;

/// What a write that waits will have come to.
pub(crate) type Outcome<T> = BoxFuture<'static, Result<T, Error>>;

/// The outcomes of two writes of one transaction.
pub(crate) type Both<A, B> = (Outcome<<A as Operation>::Output>, Outcome<<B as Operation>::Output>);

/// Sends writes to the writer. Cloning is cheap; the writer ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Handle {
    writes: mpsc::Sender<WriteBox>,
    /// The same where there is one connection for all.
    renewals: mpsc::Sender<WriteBox>,
    room: Arc<Semaphore>,
    trouble: Trouble,
    counters: Arc<Counters>,
}

/// What the writer did so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Transactions begun, also those that failed.
    pub begun: AtomicUsize,
    /// Transactions committed.
    pub transactions: AtomicUsize,
    /// Writes committed.
    pub writes: AtomicUsize,
}

impl Handle {
    /// Writes; waits while too much waits already.
    pub(super) async fn write<O: Submit>(&self, item: O) -> Result<O::Output, Error> {
        self.enqueue(item).await?.await
    }

    /// Writes; refused while too much waits already.
    pub(super) async fn try_write<O: Submit>(&self, item: O) -> Result<O::Output, Error> {
        self.try_enqueue(item)?.await
    }

    /// Puts a write into the queue, or refuses it while too much waits already; returns a future of its outcome.
    pub(super) fn try_enqueue<O: Submit>(
        &self,
        item: O,
    ) -> Result<impl Future<Output = Result<O::Output, Error>> + Send + use<O>, Error> {
        let (item, output) = self.admit(item)?;
        self.try_send(O::QUEUE, item)?;
        Ok(output)
    }

    /// As [`Self::try_enqueue`], of two writes that come into one transaction.
    pub(super) fn try_enqueue_both<A: Submit, B: Submit>(
        &self,
        first: A,
        second: B,
    ) -> Result<Both<A, B>, Error> {
        let (first, first_output) = self.admit(first)?;
        let (second, second_output) = self.admit(second)?;
        self.try_send(A::QUEUE, first.and(second))?;
        Ok((first_output.boxed(), second_output.boxed()))
    }

    /// Makes room for a write, if there is some.
    fn admit<O: Submit>(
        &self,
        item: O,
    ) -> Result<(WriteBox, impl Future<Output = Result<O::Output, Error>> + Send + use<O>), Error> {
        let room = match room_of(&item) {
            0 => None,
            bytes => {
                let room = self.room.clone().try_acquire_many_owned(bytes);
                Some(room.map_err(|_| self.overloaded(O::QUEUE))?)
            }
        };
        let (answer, answered) = oneshot::channel();
        let output = async move { answered.await.map_err(|_| Error::Closed)? };
        Ok((item.write(Reply { answer, _room: room }), output))
    }

    fn try_send(&self, queue: Queue, item: WriteBox) -> Result<(), Error> {
        self.queue(queue).try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.overloaded(queue),
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }

    fn overloaded(&self, queue: Queue) -> Error {
        Error::Overloaded { waiting: WAITING_ITEMS_MAX - self.queue(queue).capacity() }
    }

    /// Puts a write into the queue once there is room; returns a future of its outcome.
    pub(super) async fn enqueue<O: Submit>(
        &self,
        item: O,
    ) -> Result<impl Future<Output = Result<O::Output, Error>> + Send + use<O>, Error> {
        let room = match room_of(&item) {
            0 => None,
            bytes => Some(self.room.clone().acquire_many_owned(bytes).await.map_err(|_| Error::Closed)?),
        };
        let (answer, answered) = oneshot::channel();
        let queue = self.queue(O::QUEUE);
        queue.send(item.write(Reply { answer, _room: room })).await.map_err(|_| Error::Closed)?;
        Ok(async move { answered.await.map_err(|_| Error::Closed)? })
    }

    fn queue(&self, queue: Queue) -> &mpsc::Sender<WriteBox> {
        match queue {
            Queue::Writes => &self.writes,
            Queue::Renewals => &self.renewals,
        }
    }

    /// Whether writes are still taken; they are not once the writer has died.
    pub(super) fn is_open(&self) -> bool {
        !self.writes.is_closed()
    }

    /// Waits until no writes are taken any more.
    pub(super) async fn closed(&self) {
        self.writes.closed().await;
    }

    /// Why the last write failed, if the database is to blame.
    pub(super) fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

/// What an item takes of [`WAITING_BYTES_MAX`].
fn room_of<O: Operation>(item: &O) -> u32 {
    u32::try_from(item.size_bytes()).unwrap_or(u32::MAX).min(WAITING_BYTES_MAX)
}

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
            Err(error) => return failed(connected, Error::Thread { reason: error.to_string() }),
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
        .map_err(|error| Error::Thread { reason: error.to_string() })?;
    let database = connection.await.map_err(|_| Error::Closed)??;
    let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize));
    Ok((Handle { writes, renewals, room, trouble, counters }, database))
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
                let error = self.fail(needy, failed);
                tracing::warn!(error = %crate::chain(&error), run.ids = ?held, "another session has locked the workflow tasks of some runs; what these runs need is not written until it ends");
                *self.held_up.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(HeldUp { runs: held, error });
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
        tracing::warn!(error = %crate::chain(&failed.error), items = batch.len(), "a group commit failed; each of its items is tried alone");
        self.write_apart(batch).await;
    }

    async fn write_apart(&self, batch: Batch) {
        let (mut hopeless, mut held_up) = (None, 0);
        for mut single in batch.split() {
            if let Some(error) = &hopeless {
                single.fail(error);
                continue;
            }
            match self.commit(&mut single).await {
                Ok(()) => {
                    held_up = 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        ids::RunId,
        store::{
            batch::Write,
            write::{message::NewMessage, stop::DeleteRun},
        },
    };

    fn message(size_bytes: u32) -> NewMessage {
        let body = "x".repeat(size_bytes as usize);
        NewMessage { run_id: RunId(Uuid::nil()), kind: "Any", body, now: Timestamp(0) }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_by_its_size() {
        let (queue, mut waiting) = mpsc::channel(WAITING_ITEMS_MAX);
        let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize));
        let (trouble, counters) = (Trouble::default(), Arc::default());
        let handle = Handle { writes: queue.clone(), renewals: queue, room, trouble, counters };
        // As large as all the room there is, and larger.
        let mut first = Box::pin(handle.write(message(WAITING_BYTES_MAX + 1)));
        assert!(first.as_mut().now_or_never().is_none());
        let refused = handle.try_write(message(1)).now_or_never().expect("it does not wait");
        assert!(matches!(refused, Err(Error::Overloaded { waiting: 1 })), "{refused:?}");
        let mut second = Box::pin(handle.write(message(1)));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(waiting.len(), 1, "the second waits for room");
        let mut without_payload = Box::pin(handle.try_write(DeleteRun { run_id: RunId(Uuid::nil()) }));
        assert!(without_payload.as_mut().now_or_never().is_none(), "what carries nothing needs no room");

        let Write::NewMessage(_, reply) = waiting.recv().await.expect("the first").write else {
            panic!("the first is a message")
        };
        reply.send(Ok(None));
        assert!(matches!(first.await, Ok(None)));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(waiting.len(), 2, "the second has come in behind what needed no room");

        assert!(handle.is_open());
        drop(waiting);
        handle.closed().await;
        assert!(!handle.is_open());
        assert!(matches!(second.await, Err(Error::Closed)));
    }
}
