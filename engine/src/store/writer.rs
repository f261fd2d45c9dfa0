//! Group commit: one task writes for the whole process.
//!
//! It takes what is waiting, applies it in one transaction, commits, and only then answers. Under load the batch
//! grows by itself and the cost of a commit is shared; unloaded it is a batch of one.
//!
//! | what fails | what happens |
//! | --- | --- |
//! | one item (a constraint, a value) | the transaction is rolled back and each item is tried in a transaction of its own, so only the culprit fails |
//! | the transaction, for another's sake (deadlock) | it is tried again |
//! | the connection in the commit | every item of several is tried again alone; whether the first commit took effect, the items find out: a step that did is stale, a start finds its own row |
//! | the session or the connection before the commit | it is tried again on a new session, as nothing was changed |
//! | the database as a whole (no answer, no space, no connections) | every item fails: what became of the transaction only the next read can show |
//! | the file of SQLite is no longer at its path | every item fails, also those of a commit that succeeded: nobody would find what was written |
//! | the process | nothing was acknowledged that was not committed |
//!
//! It has a thread of its own. A transaction is a dozen round trips, and each would otherwise wait its turn among the
//! tasks that serve requests, just when there are many of those.
//!
//! Within a transaction the operations run in a fixed order, so that a run that is accepted, or released, or that
//! got a message in this batch can be claimed in the same one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sea_orm::{DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    Error,
    database::{Connector, Target},
    failed::{Failed, Phase, Trouble},
    sessions::Sessions,
    sql::{Dialect, Tx, within},
    verdict::Session,
    write::{
        Operation,
        activity::ActivityReport,
        claim::{ClaimActivityTasks, ClaimWorkflowTasks},
        heartbeat::StoredHeartbeat,
        lease::{FailWorkflowTask, RegisterWorker, RemoveWorkers, RenewLeases, RescueWorkflowTasks},
        message::NewMessage,
        start::Start,
        step::Step,
        stop::{CancelRun, CloseRun, DeleteRun, ForgetRequests},
    },
};

/// Most items of one transaction.
const BATCH_ITEMS_MAX: usize = 512;
/// A transaction takes no further items once it carries this much.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most items that wait; one more from outside is refused, one more from inside waits.
const WAITING_ITEMS_MAX: usize = 8_192;
/// Most that the waiting items may carry together, except that a single one is let in whatever its size.
const WAITING_BYTES_MAX: u32 = 128 * 1024 * 1024;
/// Whom to tell what became of an item, and the room that the item takes up until then.
pub(crate) struct Reply<T> {
    answer: oneshot::Sender<Result<T, Error>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl<T> Reply<T> {
    fn send(self, result: Result<T, Error>) {
        // Whoever asked may have gone away; what was written stands all the same.
        let _ = self.answer.send(result);
    }
}

/// Items of one kind, with those who wait for their outcome.
struct Lane<O: Operation> {
    items: Vec<O>,
    replies: Vec<Reply<O::Output>>,
    outputs: Vec<O::Output>,
}

impl<O: Operation> Default for Lane<O> {
    fn default() -> Self {
        Self { items: Vec::new(), replies: Vec::new(), outputs: Vec::new() }
    }
}

impl<O: Operation> Lane<O> {
    fn push(&mut self, item: O, reply: Reply<O::Output>) {
        self.items.push(item);
        self.replies.push(reply);
    }

    async fn apply(&mut self, tx: Tx<'_>) -> Result<(), DbErr> {
        if !self.items.is_empty() {
            self.outputs = O::apply(tx, &self.items).await?;
        }
        Ok(())
    }

    fn answer(self) {
        for (reply, output) in self.replies.into_iter().zip(self.outputs) {
            reply.send(Ok(output));
        }
    }

    fn fail(self, error: &Error) {
        for reply in self.replies {
            reply.send(Err(error.clone()));
        }
    }
}

macro_rules! lanes {
    ($($lane:ident: $operation:ident),* $(,)?) => {
        /// A write on its way to the database.
        enum Write {
            $($operation($operation, Reply<<$operation as Operation>::Output>),)*
        }

        /// The writes of one transaction, by kind, in the order in which the kinds are applied.
        #[derive(Default)]
        struct Batch {
            $($lane: Lane<$operation>,)*
        }

        impl Batch {
            fn push(&mut self, write: Write) {
                match write {
                    $(Write::$operation(item, reply) => self.$lane.push(item, reply),)*
                }
            }

            async fn apply(&mut self, tx: Tx<'_>) -> Result<(), DbErr> {
                $(self.$lane.apply(tx).await?;)*
                Ok(())
            }

            fn answer(self) {
                $(self.$lane.answer();)*
            }

            fn fail(self, error: &Error) {
                $(self.$lane.fail(error);)*
            }

            /// One batch for each item.
            fn split(self) -> Vec<Self> {
                let mut single = Vec::new();
                $(for (item, reply) in self.$lane.items.into_iter().zip(self.$lane.replies) {
                    let mut batch = Self::default();
                    batch.$lane.push(item, reply);
                    single.push(batch);
                })*
                single
            }

            fn len(&self) -> usize {
                0 $(+ self.$lane.items.len())*
            }

            fn size_bytes(&self) -> usize {
                0 $(+ self.$lane.items.iter().map(Operation::size_bytes).sum::<usize>())*
            }
        }

        $(impl Submit for $operation {
            fn write(self, reply: Reply<Self::Output>) -> WriteBox {
                WriteBox { size_bytes: self.size_bytes(), write: Write::$operation(self, reply) }
            }
        })*
    };
}

/// An operation that the writer takes.
pub(crate) trait Submit: Operation {
    fn write(self, reply: Reply<Self::Output>) -> WriteBox;
}

/// A write whose kind stays the writer's own affair.
pub(crate) struct WriteBox {
    write: Write,
    size_bytes: usize,
}

lanes! {
    registrations: RegisterWorker,
    starts: Start,
    cancels: CancelRun,
    closes: CloseRun,
    steps: Step,
    failures: FailWorkflowTask,
    heartbeats: StoredHeartbeat,
    reports: ActivityReport,
    messages: NewMessage,
    renewals: RenewLeases,
    rescues: RescueWorkflowTasks,
    workflow_claims: ClaimWorkflowTasks,
    activity_claims: ClaimActivityTasks,
    deletions: DeleteRun,
    forgets: ForgetRequests,
    removals: RemoveWorkers,
}

/// Sends writes to the writer. Cloning is cheap; the writer ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Handle {
    queue: mpsc::Sender<WriteBox>,
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
        let overloaded = || Error::Overloaded { waiting: WAITING_ITEMS_MAX - self.queue.capacity() };
        let room = match room_of(&item) {
            0 => None,
            bytes => Some(self.room.clone().try_acquire_many_owned(bytes).map_err(|_| overloaded())?),
        };
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(item.write(Reply { answer, _room: room })).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(),
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        answered.await.map_err(|_| Error::Closed)?
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
        self.queue.send(item.write(Reply { answer, _room: room })).await.map_err(|_| Error::Closed)?;
        Ok(async move { answered.await.map_err(|_| Error::Closed)? })
    }

    /// Whether writes are still taken; they are not once the writer has died.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Waits until no writes are taken any more.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
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
    let (queue, waiting) = mpsc::channel(WAITING_ITEMS_MAX);
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
                    patience: connector.patience(),
                    sessions: connector.sessions.clone(),
                    trouble: of_writer.1,
                    counters: of_writer.0,
                };
                writer.run(waiting).await;
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
    Ok((Handle { queue, room, trouble, counters }, database))
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
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<WriteBox>) {
        let mut taken = Vec::with_capacity(BATCH_ITEMS_MAX);
        while waiting.recv_many(&mut taken, BATCH_ITEMS_MAX).await > 0 {
            let mut batch = Batch::default();
            let mut size_bytes = 0;
            for item in taken.drain(..) {
                if size_bytes > 0 && size_bytes + item.size_bytes > BATCH_BYTES_MAX {
                    self.write(std::mem::take(&mut batch)).await;
                    size_bytes = 0;
                }
                size_bytes += item.size_bytes;
                batch.push(item.write);
            }
            self.write(batch).await;
        }
    }

    async fn write(&self, mut batch: Batch) {
        if let Err(error) = self.target.check() {
            return self.refuse(batch, &error);
        }
        let Err(failed) = self.commit(&mut batch).await else { return self.succeed(batch) };
        if batch.len() == 1 || !failed.is_worth_splitting() {
            self.fail(batch, failed.error);
            return;
        }
        tracing::warn!(error = %crate::chain(&failed.error), items = batch.len(), "a group commit failed; each of its items is tried alone");
        let mut hopeless = None;
        for mut single in batch.split() {
            if let Some(error) = &hopeless {
                single.fail(error);
                continue;
            }
            match self.commit(&mut single).await {
                Ok(()) => self.succeed(single),
                Err(failed) => {
                    // A database that is away would let each of them wait for its whole patience.
                    let is_hopeless = !failed.is_worth_splitting();
                    let error = self.fail(single, failed.error);
                    hopeless = is_hopeless.then_some(error);
                }
            }
        }
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

    fn fail(&self, batch: Batch, error: DbErr) -> Error {
        let error = Error::of_refusal(error);
        self.refuse(batch, &error);
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
    use futures_util::FutureExt;

    use super::*;
    use crate::{clock::Timestamp, ids::RunId};

    fn message(size_bytes: u32) -> NewMessage {
        let body = "x".repeat(size_bytes as usize);
        NewMessage { run_id: RunId(uuid::Uuid::nil()), kind: "Any", body, now: Timestamp(0) }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_by_its_size() {
        let (queue, mut waiting) = mpsc::channel(WAITING_ITEMS_MAX);
        let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize));
        let handle = Handle { queue, room, trouble: Trouble::default(), counters: Arc::default() };
        // As large as all the room there is, and larger.
        let mut first = Box::pin(handle.write(message(WAITING_BYTES_MAX + 1)));
        assert!(first.as_mut().now_or_never().is_none());
        let refused = handle.try_write(message(1)).now_or_never().expect("it does not wait");
        assert!(matches!(refused, Err(Error::Overloaded { waiting: 1 })), "{refused:?}");
        let mut second = Box::pin(handle.write(message(1)));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(waiting.len(), 1, "the second waits for room");
        let mut without_payload = Box::pin(handle.try_write(DeleteRun { run_id: RunId(uuid::Uuid::nil()) }));
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
