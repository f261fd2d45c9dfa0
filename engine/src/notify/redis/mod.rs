//! The bus between processes: Redis pub/sub over two connections, one to publish and one to subscribe.
//!
//! Redis delivers at most once and replays nothing, and the client library neither reconnects a pub/sub
//! connection nor bounds what it has read from one. Hence the two tasks here: [`subscriber`] empties its
//! connection into bounded broadcast channels without ever waiting for a listener, and both bring back their
//! connection after a wait that doubles from 200 ms to 5 s, spread by chance so that a fleet does not return
//! in one instant.
//!
//! The tasks keep nothing that must outlive the process, so dropping the bus is its whole shutdown.

mod backoff;
mod link;
mod publisher;
mod remedy;
mod subscriber;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use self::{
    link::{Link, Links, Side},
    publisher::Publisher,
    remedy::Protocol,
    subscriber::Subscriber,
};
use crate::log::outage::Outages;

use super::{
    Bus, Health, LISTENER_BUFFER_MESSAGES, Subscription, Topic,
    topics::{Topics, Upstream},
};

/// How to reach Redis.
#[derive(Clone)]
pub struct Options {
    /// `redis://`, `rediss://` or `redis+unix://`; may hold a password, so it is never shown.
    pub url: String,
    /// Begins the name of every channel, so that installations can share a server.
    pub key_prefix: String,
    /// Messages that may wait to be published; further ones are dropped.
    pub publish_queue_messages: usize,
    /// Time for one command and for making a connection; exceeding it counts as a lost broker.
    pub response_timeout: Duration,
    /// An idle connection is checked this often.
    pub ping_interval: Duration,
}

impl Options {
    /// A channel that is no topic: each new connection tries on it what it is for. Redis takes connections from those
    /// who may do nothing, and tells them so only in answer to a command.
    fn trial_channel(&self) -> String {
        format!("{}trial", self.key_prefix)
    }

    /// The defaults, for this server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key_prefix: "ctutor:".to_owned(),
            publish_queue_messages: 4096,
            response_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("key_prefix", &self.key_prefix).finish_non_exhaustive()
    }
}

/// Why a Redis bus cannot be made. A server that is away is not an error: the bus waits for it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be understood.
    #[error("the Redis URL is not valid")]
    Url(#[source] ::redis::RedisError),
}

/// Passes messages between processes through Redis.
pub struct RedisBus {
    topics: Arc<Topics>,
    queue: mpsc::Sender<Outgoing>,
    dropped_messages: Arc<AtomicU64>,
    links: watch::Sender<Links>,
    /// Ends both tasks when dropped.
    _tasks: JoinSet<()>,
}

/// A message that waits to be published.
#[derive(Debug)]
struct Outgoing {
    topic: Topic,
    message: Bytes,
}

impl RedisBus {
    /// Starts to connect and returns at once, connected or not.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Url`] when the address cannot be understood.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let client = ::redis::Client::open(options.url.as_str()).map_err(Error::Url)?;
        let (queue, waiting) = mpsc::channel(options.publish_queue_messages);
        let topics = Topics::new(Upstream::Down, LISTENER_BUFFER_MESSAGES);
        let dropped_messages = Arc::new(AtomicU64::new(0));
        let links = watch::Sender::new(Links::default());
        let address = &client.get_connection_info().addr();
        let protocol = match address {
            ::redis::ConnectionAddr::TcpTls { .. } => Protocol::UntriedTls,
            _ => Protocol::UntriedPlain,
        };
        let outages = Arc::new(Outages::new(format!("Redis at {address}")));

        let publisher = Publisher {
            client: client.clone(),
            options: options.clone(),
            waiting,
            dropped_messages: Arc::clone(&dropped_messages),
            link: Link::new(Side::Publisher, links.clone(), Arc::clone(&outages), protocol),
        };
        let subscriber = Subscriber {
            client,
            options: options.clone(),
            topics: Arc::clone(&topics),
            link: Link::new(Side::Subscriber, links.clone(), outages, protocol),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(publisher.run());
        tasks.spawn(subscriber.run());
        Ok(Self { topics, queue, dropped_messages, links, _tasks: tasks })
    }

    /// Waits until [`Bus::health`] is this.
    pub async fn wait_for(&self, health: Health) {
        let reached = self.links.subscribe().wait_for(|links| links.health() == health).await.is_ok();
        debug_assert!(reached, "the sender is in `self`");
    }
}

impl Bus for RedisBus {
    fn publish(&self, topic: &Topic, message: Bytes) {
        let outgoing = Outgoing { topic: topic.clone(), message };
        if self.queue.try_send(outgoing).is_err() {
            self.dropped_messages.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn subscribe<'bus>(&'bus self, topic: &Topic) -> BoxFuture<'bus, Subscription> {
        let joined = self.topics.join(topic);
        async move {
            if let Some(confirmation) = joined.confirmation {
                // The error means that the broker was lost meanwhile; the gap that follows tells the listener.
                let _ = confirmation.await;
            }
            joined.subscription
        }
        .boxed()
    }

    fn health(&self) -> Health {
        self.links.borrow().health()
    }

    fn dropped_messages(&self) -> u64 {
        self.dropped_messages.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus").field("links", &*self.links.borrow()).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl RedisBus {
    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }
}
