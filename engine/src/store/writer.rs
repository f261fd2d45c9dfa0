//! Group commit: one task writes for the whole process.
//!
//! It takes what is waiting, applies it in one transaction, commits, and only then answers. Under load the batch
//! grows by itself and the cost of a commit is shared; unloaded it is a batch of one.
//!
//! | what fails | what happens |
//! | --- | --- |
//! | one item (a constraint, a value) | the transaction is rolled back and each item is tried in a transaction of its own, so only the culprit fails |
//! | the transaction, for another's sake (deadlock) | it is tried again |
//! | the connection, before or in the commit | every item is tried again alone; whether the first commit took effect, the items find out: a step that did is stale, a start finds its own row |
//! | the process | nothing was acknowledged that was not committed |
//!
//! It has a thread of its own. A transaction is a dozen round trips, and each would otherwise wait its turn among the
//! tasks that serve requests, just when there are many of those.
//!
//! Within a transaction the operations run in a fixed order, so that a run that is accepted, or released, or that
//! got a message in this batch can be claimed in the same one.

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sea_orm::{DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use super::{
    DatabaseOptions, Error, database,
    error::is_transient,
    sql::{Dialect, Tx},
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
/// Most items that wait; one more from outside is refused, one more from inside waits.
const WAITING_ITEMS_MAX: usize = 8_192;
/// Most tries of a transaction that the database gave up for another's sake.
const TRANSIENT_TRIES_MAX: u32 = 5;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

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
            // Whoever asked may have gone away; the write stands all the same.
            let _ = reply.send(Ok(output));
        }
    }

    fn fail(self, error: &Error) {
        for reply in self.replies {
            let _ = reply.send(Err(error.clone()));
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
        }

        $(impl Submit for $operation {
            fn write(self, reply: Reply<Self::Output>) -> WriteBox {
                WriteBox(Write::$operation(self, reply))
            }
        })*
    };
}

/// An operation that the writer takes.
pub(crate) trait Submit: Operation {
    fn write(self, reply: Reply<Self::Output>) -> WriteBox;
}

/// A write whose kind stays the writer's own affair.
pub(crate) struct WriteBox(Write);

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
    counters: Arc<Counters>,
}

/// What the writer did so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Transactions committed.
    pub transactions: AtomicUsize,
    /// Writes committed.
    pub writes: AtomicUsize,
}

impl Handle {
    /// Writes; waits while too much waits already.
    pub(super) async fn write<O: Submit>(&self, item: O) -> Result<O::Output, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(item.write(reply)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Writes; refused while too much waits already.
    pub(super) async fn try_write<O: Submit>(&self, item: O) -> Result<O::Output, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(item.write(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded { waiting: WAITING_ITEMS_MAX },
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Puts a write into the queue and leaves; the answer is awaited elsewhere.
    pub(super) async fn enqueue<O: Submit>(
        &self,
        item: O,
    ) -> Result<impl Future<Output = Result<O::Output, Error>> + Send + use<O>, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(item.write(reply)).await.map_err(|_| Error::Closed)?;
        Ok(async move { answer.await.map_err(|_| Error::Closed)? })
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

/// Starts the writer; the answer is its connection, too, which others may use now and then.
///
/// `lock` is held until everything that waited is written.
pub(super) async fn spawn(
    options: DatabaseOptions,
    dialect: Dialect,
    lock: Option<Arc<File>>,
) -> Result<(Handle, DatabaseConnection), Error> {
    let (queue, waiting) = mpsc::channel(WAITING_ITEMS_MAX);
    let counters = Arc::new(Counters::default());
    let (connected, connection) = oneshot::channel();
    let of_writer = counters.clone();
    let thread = move || {
        // Whoever asked may have gone away.
        let failed = |connected: oneshot::Sender<_>, error| drop(connected.send(Err(error)));
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(connected, Error::Thread { reason: error.to_string() }),
        };
        // The connection belongs to the runtime in which it is made.
        runtime.block_on(async move {
            let database = match database::connect_writer(&options, dialect).await {
                Ok(database) => database,
                Err(error) => return failed(connected, error),
            };
            if connected.send(Ok(database.clone())).is_ok() {
                Writer { database, dialect, counters: of_writer }.run(waiting).await;
            }
        });
        drop(lock);
    };
    std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(thread)
        .map_err(|error| Error::Thread { reason: error.to_string() })?;
    let database = connection.await.map_err(|_| Error::Closed)??;
    Ok((Handle { queue, counters }, database))
}

struct Writer {
    database: DatabaseConnection,
    dialect: Dialect,
    counters: Arc<Counters>,
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<WriteBox>) {
        let mut taken = Vec::with_capacity(BATCH_ITEMS_MAX);
        while waiting.recv_many(&mut taken, BATCH_ITEMS_MAX).await > 0 {
            let mut batch = Batch::default();
            for WriteBox(write) in taken.drain(..) {
                batch.push(write);
            }
            self.write(batch).await;
        }
    }

    async fn write(&self, mut batch: Batch) {
        let Err(error) = self.commit(&mut batch).await else { return self.succeed(batch) };
        if batch.len() == 1 {
            return batch.fail(&error.into());
        }
        tracing::warn!(%error, items = batch.len(), "a group commit failed; each of its items is tried alone");
        for mut single in batch.split() {
            match self.commit(&mut single).await {
                Ok(()) => self.succeed(single),
                Err(error) => single.fail(&error.into()),
            }
        }
    }

    fn succeed(&self, batch: Batch) {
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        self.counters.writes.fetch_add(batch.len(), Ordering::Relaxed);
        batch.answer();
    }

    async fn commit(&self, batch: &mut Batch) -> Result<(), DbErr> {
        let mut tries = 1;
        loop {
            match self.transaction(batch).await {
                Err(error) if is_transient(&error) && tries < TRANSIENT_TRIES_MAX => tries += 1,
                result => return result,
            }
        }
    }

    async fn transaction(&self, batch: &mut Batch) -> Result<(), DbErr> {
        // A deferred transaction of SQLite that reads first cannot always become a writing one.
        let sqlite_transaction_mode =
            (self.dialect == Dialect::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
        let inner = self.database.begin_with_options(options).await?;
        match batch.apply(Tx { dialect: self.dialect, inner: &inner }).await {
            Ok(()) => inner.commit().await,
            Err(error) => {
                // A connection that cannot roll back is broken and rolls back by ending.
                let _ = inner.rollback().await;
                Err(error)
            }
        }
    }
}
