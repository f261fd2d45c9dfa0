//! The bus of a single process, made of broadcast channels.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use super::{
    Bus, Health, LISTENER_BUFFER_MESSAGES, Subscription, Topic,
    topics::{Topics, Upstream},
};

/// Passes messages between the parts of one process.
#[derive(Debug)]
pub struct InProcessBus {
    topics: Arc<Topics>,
}

impl InProcessBus {
    /// A bus without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self { topics: Topics::new(Upstream::None, LISTENER_BUFFER_MESSAGES) }
    }

    #[cfg(test)]
    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }
}

impl Default for InProcessBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for InProcessBus {
    fn publish(&self, topic: &Topic, message: Bytes) {
        self.topics.deliver(topic, message);
    }

    /// The subscription is established when this returns, even before the future is polled.
    fn subscribe<'bus>(&'bus self, topic: &Topic) -> BoxFuture<'bus, Subscription> {
        ready(self.topics.join(topic).subscription).boxed()
    }

    fn health(&self) -> Health {
        Health::Connected
    }

    /// Always 0: a slow listener loses messages, but receives a gap.
    fn dropped_messages(&self) -> u64 {
        0
    }
}
