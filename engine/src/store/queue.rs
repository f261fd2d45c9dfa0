//! The queues of the writer: bounded in number and in bytes.

use std::sync::{Arc, atomic::AtomicUsize};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Error,
    batch::{Reply, Submit, WriteBox},
    failed::Trouble,
    write::{Operation, Queue},
};
use crate::clock::Busy;

/// Most items that wait; one more from outside is refused, one more from inside waits.
pub(super) const WAITING_ITEMS_MAX: usize = 8_192;
/// Most that the waiting items may carry together, except that a single one is let in whatever its size.
const WAITING_BYTES_MAX: u32 = 128 * 1024 * 1024;
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
    busy: Busy,
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
    /// Sends writes to these queues; both are the same where there is one connection for all.
    pub(super) fn new(
        writes: mpsc::Sender<WriteBox>,
        renewals: mpsc::Sender<WriteBox>,
        trouble: Trouble,
        counters: Arc<Counters>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize));
        Self { writes, renewals, room, trouble, counters, busy: Busy::default() }
    }

    /// With a count of what is in flight.
    pub(super) fn counted_by(self, busy: Busy) -> Self {
        Self { busy, ..self }
    }

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
        Ok((item.write(Reply { answer, _room: room, _work: self.busy.begin() }), output))
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
        queue
            .send(item.write(Reply { answer, _room: room, _work: self.busy.begin() }))
            .await
            .map_err(|_| Error::Closed)?;
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

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
        let handle = Handle::new(queue.clone(), queue, Trouble::default(), Arc::default());
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
