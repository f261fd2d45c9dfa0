//! The subscribing connection, kept in line with the topics that are listened to.
//!
//! | state | does | next |
//! | --- | --- | --- |
//! | connecting | waits its backoff, connects, and tries to subscribe | resubscribing on success |
//! | resubscribing | subscribes to every wanted topic, in batches | following, with a gap to every listener |
//! | following | subscribes and unsubscribes as listeners come and go; pings when idle | connecting on any fault |
//!
//! Messages are read in every state but the first, also while a command awaits its answer, because the client
//! library keeps what is not read in an unbounded queue.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Fuse, FusedFuture},
};
use redis::aio::{PubSub, PubSubSink};
use tokio::time::{Interval, MissedTickBehavior};

use super::{Options, backoff::Backoff, link::Link};
use crate::notify::{
    Topic,
    topics::{Change, Topics},
};

/// Topics named in one command.
const BATCH_TOPICS: usize = 512;

pub(super) struct Subscriber {
    pub(super) client: redis::Client,
    pub(super) options: Options,
    pub(super) topics: Arc<Topics>,
    pub(super) link: Link,
}

/// Why the connection is gone.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("cannot connect or was refused")]
    Redis(#[from] redis::RedisError),
    #[error("no answer within the response timeout")]
    Timeout(#[from] tokio::time::error::Elapsed),
    #[error("the server closed the connection")]
    Closed,
}

/// A command that the server has confirmed.
enum Done {
    Subscribed(Vec<Topic>),
    Unsubscribed(Vec<Topic>),
    Pinged,
}

type Command = Fuse<BoxFuture<'static, Result<Done, Lost>>>;

/// A standing connection.
struct Connection {
    sink: PubSubSink,
    /// What the server has confirmed.
    subscribed: HashSet<Topic>,
    /// Taken off the list and not yet sent: a command either subscribes or unsubscribes.
    unwanted: Vec<Topic>,
    /// The one command under way, or terminated.
    command: Command,
    following: bool,
}

impl Subscriber {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.connect().await {
                Ok(pubsub) => self.serve(pubsub, &mut backoff).await,
                Err(lost) => lost,
            };
            // Before the health, so that who sees the loss no longer waits for a confirmation.
            self.topics.mark_down();
            self.link.down(&lost);
            backoff.wait().await;
        }
    }

    /// Connects, and finds out whether it may subscribe.
    async fn connect(&self) -> Result<PubSub, Lost> {
        let connecting = async {
            let mut pubsub = self.client.get_async_pubsub().await?;
            let channel = self.options.trial_channel();
            pubsub.subscribe(&channel).await?;
            pubsub.unsubscribe(&channel).await?;
            Ok::<_, redis::RedisError>(pubsub)
        };
        Ok(tokio::time::timeout(self.options.response_timeout, connecting).await??)
    }

    async fn serve(&mut self, pubsub: PubSub, backoff: &mut Backoff) -> Lost {
        let (sink, mut stream) = pubsub.split();
        let mut connection = Connection::new(sink);
        let mut ping = self.ping_interval();
        loop {
            if connection.command.is_terminated() {
                self.begin_command(&mut connection);
            }
            if connection.command.is_terminated() && !connection.following && self.topics.mark_up_if_settled()
            {
                connection.following = true;
                backoff.reset();
                self.link.up();
            }
            let idle = connection.command.is_terminated();
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.deliver(&message),
                    None => return Lost::Closed,
                },
                done = &mut connection.command, if !idle => match done {
                    Ok(done) => self.finish_command(&mut connection, done),
                    Err(lost) => return lost,
                },
                () = self.topics.changed(), if idle => {}
                _ = ping.tick(), if idle => {
                    connection.start(&self.options, |mut sink| {
                        async move { Ok(sink.ping::<()>().await.map(|()| Done::Pinged)?) }.boxed()
                    });
                }
            }
        }
    }

    /// Starts the next command that brings the connection in line, if one is needed.
    fn begin_command(&self, connection: &mut Connection) {
        if !connection.unwanted.is_empty() {
            return connection.unsubscribe(&self.options);
        }
        loop {
            let changes = self.topics.take_changes(BATCH_TOPICS);
            if changes.is_empty() {
                return;
            }
            let mut wanted = Vec::new();
            for change in changes {
                match change {
                    // It went and came back while the server held it.
                    Change::Wanted(topic) if connection.subscribed.contains(&topic) => {
                        self.topics.confirm([&topic]);
                    }
                    Change::Wanted(topic) => wanted.push(topic),
                    Change::Unwanted(topic) if connection.subscribed.contains(&topic) => {
                        connection.unwanted.push(topic);
                    }
                    // It came and went before the server heard of it.
                    Change::Unwanted(_) => {}
                }
            }
            if !wanted.is_empty() {
                return connection.subscribe(&self.options, wanted);
            }
            if !connection.unwanted.is_empty() {
                return connection.unsubscribe(&self.options);
            }
        }
    }

    fn finish_command(&self, connection: &mut Connection, done: Done) {
        match done {
            Done::Subscribed(topics) => {
                self.topics.confirm(&topics);
                connection.subscribed.extend(topics);
            }
            Done::Unsubscribed(topics) => {
                for topic in topics {
                    connection.subscribed.remove(&topic);
                }
            }
            Done::Pinged => {}
        }
    }

    fn deliver(&self, message: &redis::Msg) {
        let topic = message
            .get_channel_name()
            .strip_prefix(&self.options.key_prefix)
            .and_then(|topic| topic.parse::<Topic>().ok());
        match topic {
            Some(topic) => self.topics.deliver(&topic, Bytes::copy_from_slice(message.get_payload_bytes())),
            None => tracing::debug!(channel = message.get_channel_name(), "message on a foreign channel"),
        }
    }

    fn ping_interval(&self) -> Interval {
        let period = self.options.ping_interval;
        let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    }
}

impl Connection {
    fn new(sink: PubSubSink) -> Self {
        let subscribed = HashSet::new();
        Self { sink, subscribed, unwanted: Vec::new(), command: Fuse::terminated(), following: false }
    }

    fn subscribe(&mut self, options: &Options, topics: Vec<Topic>) {
        let channels = channels(options, &topics);
        self.start(options, |mut sink| {
            async move { Ok(sink.subscribe(channels).await.map(|()| Done::Subscribed(topics))?) }.boxed()
        });
    }

    fn unsubscribe(&mut self, options: &Options) {
        let topics = std::mem::take(&mut self.unwanted);
        let channels = channels(options, &topics);
        self.start(options, |mut sink| {
            async move { Ok(sink.unsubscribe(channels).await.map(|()| Done::Unsubscribed(topics))?) }.boxed()
        });
    }

    fn start(
        &mut self,
        options: &Options,
        command: impl FnOnce(PubSubSink) -> BoxFuture<'static, Result<Done, Lost>>,
    ) {
        let answer = tokio::time::timeout(options.response_timeout, command(self.sink.clone()));
        self.command = async move { answer.await? }.boxed().fuse();
    }
}

fn channels(options: &Options, topics: &[Topic]) -> Vec<String> {
    topics.iter().map(|topic| format!("{}{topic}", options.key_prefix)).collect()
}
