//! The state of the two connections, which is logged when it changes.

use tokio::sync::watch;

use crate::{chain, notify::Health};

/// One of the two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Publisher,
    Subscriber,
}

/// Which connections are up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Links {
    publisher: bool,
    subscriber: bool,
}

impl Links {
    pub(super) fn health(self) -> Health {
        if self.publisher && self.subscriber { Health::Connected } else { Health::Disconnected }
    }

    fn side(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Publisher => &mut self.publisher,
            Side::Subscriber => &mut self.subscriber,
        }
    }
}

/// Reports the state of one connection.
#[derive(Debug)]
pub(super) struct Link {
    side: Side,
    links: watch::Sender<Links>,
    /// A server that is unreachable is reported once, not at every attempt.
    reported: Option<bool>,
}

impl Link {
    pub(super) fn new(side: Side, links: watch::Sender<Links>) -> Self {
        Self { side, links, reported: None }
    }

    pub(super) fn up(&mut self) {
        if self.set(true) {
            tracing::info!(connection = self.name(), "the redis connection is up");
        }
    }

    pub(super) fn down(&mut self, error: &(dyn std::error::Error + 'static)) {
        if self.set(false) {
            tracing::warn!(
                connection = self.name(),
                error = %chain(error),
                "the redis connection is lost, reconnecting"
            );
        }
    }

    fn set(&mut self, up: bool) -> bool {
        let side = self.side;
        self.links.send_if_modified(|links| std::mem::replace(links.side(side), up) != up);
        self.reported.replace(up) != Some(up)
    }

    fn name(&self) -> &'static str {
        match self.side {
            Side::Publisher => "publisher",
            Side::Subscriber => "subscriber",
        }
    }
}
