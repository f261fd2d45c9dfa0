//! What is written. One file an operation; each takes many at once and runs inside the writer's transaction.

pub(crate) mod activity;
pub(crate) mod activity_task;
pub(crate) mod claim;
mod execution;
pub(crate) mod heartbeat;
pub(crate) mod lease;
mod locks;
pub(crate) mod message;
pub(crate) mod rescue;
pub(crate) mod start;
pub(crate) mod step;
pub(crate) mod stop;
pub(crate) mod worker;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;

pub(crate) use locks::Locks;

use super::sql::Tx;

/// Who waits for whom. On PostgreSQL each queue has a connection of its own; a file has one writer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Writes,
    /// Apart from the others, which may wait for a lock: a worker that cannot renew loses all that it holds.
    Renewals,
}

/// A kind of write that is applied to many items in one go.
pub(crate) trait Operation: Clone + Send + Sync + 'static {
    /// What its sender learns after the commit.
    type Output: Send + 'static;

    /// Where it waits.
    const QUEUE: Queue = Queue::Writes;

    /// How much it has to carry, in bytes: payloads and what is made of them. What has none counts as nothing.
    fn size_bytes(&self) -> usize {
        0
    }

    /// What it changes that others may hold.
    fn locks(&self, _locks: &mut Locks) {}

    /// Applies all items; one output each, in their order.
    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<Self::Output>, DbErr>>;
}
