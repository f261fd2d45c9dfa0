//! The bus: hints between processes that something was committed.
//!
//! A message says "look again", never "this happened": the database is authoritative, a message is published
//! after the commit it speaks of, and listeners also poll. So publishing cannot fail, and losing any or
//! all messages costs one polling interval. What a listener must be able to rely on is smaller:
//!
//! - a message that leaves its publisher after [`Bus::subscribe`] returned is delivered, or a
//!   [`Delivery::Gap`] is delivered instead (a message that its publisher had to drop is lost without a gap);
//! - messages of one publisher on one topic arrive in their order, sometimes twice;
//! - after a `Gap` anything may have been missed, so the listener reads the database from its cursor.
//!
//! # States of a topic
//!
//! | state | meaning | left when |
//! | --- | --- | --- |
//! | absent | nobody in this process listens | first `subscribe` |
//! | waiting | wanted here, the broker has not confirmed | confirmation, or the broker is lost |
//! | confirmed | what is published is delivered | last [`Subscription`] dropped, or the broker is lost |
//!
//! [`InProcessBus`] has no broker: its topics are confirmed at once. [`RedisBus`] keeps one connection to
//! publish and one to subscribe, and the map of wanted topics is authoritative: the connection is
//! updated to match it, never the other way round.
//!
//! # Failures
//!
//! - **A listener is slow.** Its buffer is bounded; the oldest messages are overwritten and it receives one `Gap`.
//! - **The publishing queue is full**, because the broker is slow or away: the newest messages are dropped and
//!   counted ([`Bus::dropped_messages`]).
//! - **The broker is lost.** [`Bus::health`] turns to [`Health::Disconnected`]; `subscribe` still returns at
//!   once. After reconnecting every wanted topic is subscribed again, then every listener receives a `Gap`.
//! - **The broker hangs without closing the connection.** Every command has a deadline and an idle connection is
//!   pinged; a missed deadline counts as a lost broker.
//! - **The bus is dropped.** Its subscriptions stay valid and silent; polling remains.

mod in_process;
mod redis;
mod topic;
mod topics;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

use self::topics::Topics;
pub use self::{
    in_process::InProcessBus,
    redis::{Error as RedisError, Options as RedisOptions, RedisBus},
    topic::{ParseTopicError, Topic},
};

/// Messages that a listener may be behind before it gets a [`Delivery::Gap`] in place of the oldest.
pub const LISTENER_BUFFER_MESSAGES: usize = 64;

/// Publishes hints and listens for them. See the [module](self) for what may be relied on.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Sends a message to all listeners of the topic. Never blocks and never fails: a message that cannot
    /// be queued is dropped and counted.
    fn publish(&self, topic: &Topic, message: Bytes);

    /// Listens to a topic. Messages published after this resolves are delivered. It resolves at once where the
    /// broker is away, and a [`Delivery::Gap`] follows when it is back.
    fn subscribe<'bus>(&'bus self, topic: &Topic) -> BoxFuture<'bus, Subscription>;

    /// Whether messages reach other processes now.
    fn health(&self) -> Health;

    /// How many messages this process could not publish since it started.
    fn dropped_messages(&self) -> u64;
}

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A published message.
    Message(Bytes),
    /// Messages may have been missed: read the database from the cursor.
    Gap(GapCause),
}

/// Why messages may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The listener read more slowly than messages came.
    SlowListener,
    /// The broker was lost for a while.
    LostBroker,
}

/// Whether a bus reaches its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Messages are passed on.
    Connected,
    /// Messages are queued or dropped, and none arrive, until the broker is back.
    Disconnected,
}

/// Listens to one topic until dropped.
pub struct Subscription {
    receiver: broadcast::Receiver<Delivery>,
    topic: Topic,
    topics: Arc<Topics>,
}

impl Subscription {
    /// Waits for the next delivery. Cancel safe: a delivery is only taken when the future resolves.
    pub async fn recv(&mut self) -> Delivery {
        match self.receiver.recv().await {
            Ok(delivery) => delivery,
            Err(broadcast::error::RecvError::Lagged(_)) => Delivery::Gap(GapCause::SlowListener),
            // The sender stays in `topics` while this subscription is counted there.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Takes a delivery that has already arrived.
    pub fn try_recv(&mut self) -> Option<Delivery> {
        match self.receiver.try_recv() {
            Ok(delivery) => Some(delivery),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Delivery::Gap(GapCause::SlowListener)),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }

    /// What it listens to.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.leave(&self.topic);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).finish_non_exhaustive()
    }
}
