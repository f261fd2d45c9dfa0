//! The state of the two connections, which is logged when it changes.

use std::{error::Error, sync::Arc};

use tokio::sync::watch;

use crate::{
    chain,
    clock::{Clock, SystemClock},
    log::outage::{Cause, Duty, Outages},
    notify::Health,
};

use super::remedy::{self, Protocol};

/// One of the two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Publisher,
    Subscriber,
}

impl Side {
    /// In the log lines of an outage.
    fn duty(self) -> Duty {
        match self {
            Self::Publisher => Duty::repeated("publishing"),
            Self::Subscriber => Duty::repeated("subscribing"),
        }
    }
}

/// Which connections are up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Links {
    publisher: bool,
    subscriber: bool,
    /// Whether both were up once.
    were_up: bool,
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
    /// Both connections lead to one server.
    outages: Arc<Outages>,
    /// What the URL asks for.
    protocol: Protocol,
}

impl Link {
    pub(super) fn new(
        side: Side,
        links: watch::Sender<Links>,
        outages: Arc<Outages>,
        protocol: Protocol,
    ) -> Self {
        Self { side, links, outages, protocol }
    }

    pub(super) fn up(&mut self) {
        self.succeeded();
        let mut is_first = false;
        let side = self.side;
        self.links.send_if_modified(|links| {
            let was_up = std::mem::replace(links.side(side), true);
            is_first = !links.were_up && links.health() == Health::Connected;
            links.were_up |= is_first;
            !was_up
        });
        if is_first {
            tracing::info!("connected to {}", self.outages.service());
        }
    }

    pub(super) fn down(&mut self, error: &(dyn Error + 'static)) {
        let side = self.side;
        self.links.send_if_modified(|links| std::mem::replace(links.side(side), false));
        self.failed(error);
    }

    /// A command was refused, over a connection that still works.
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) {
        // A server that was reached once speaks what it was asked in.
        let protocol = if self.links.borrow().were_up { Protocol::Proved } else { self.protocol };
        let (gravity, remedy) = remedy::of(error, protocol);
        let cause = Cause { error: chain(error).to_string(), code: None, gravity, remedy: Some(remedy) };
        self.outages.failed(self.side.duty(), &cause, SystemClock.now());
    }

    /// A command was accepted.
    pub(super) fn succeeded(&self) {
        self.outages.succeeded(self.side.duty(), SystemClock.now());
    }
}
