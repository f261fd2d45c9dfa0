//! The state of the two connections, which is logged when it changes.

use std::{error::Error, sync::Arc};

use redis::{ErrorKind, RedisError};
use tokio::sync::watch;

use crate::{
    chain,
    clock::{Clock, SystemClock},
    log::outage::{Cause, Duty, Gravity, Outages},
    notify::Health,
};

/// What follows for operators; it is no reason to be woken up.
const CONSEQUENCE: &str = "meanwhile processes find each other's work by polling the database";

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
}

impl Link {
    pub(super) fn new(side: Side, links: watch::Sender<Links>, outages: Arc<Outages>) -> Self {
        Self { side, links, outages }
    }

    pub(super) fn up(&mut self) {
        self.outages.succeeded(self.side.duty(), SystemClock.now());
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
        let (gravity, then) = if is_login_refused(error) {
            (Gravity::Operator, "correct the user and the password in REDIS_URL, and restart")
        } else {
            (Gravity::Passing, CONSEQUENCE)
        };
        let cause = Cause { error: chain(error).to_string(), code: None, gravity, remedy: Some(then) };
        self.outages.failed(side.duty(), &cause, SystemClock.now());
    }
}

fn is_login_refused(error: &(dyn Error + 'static)) -> bool {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.filter_map(|error| error.downcast_ref::<RedisError>()).any(|error| {
        error.kind() == ErrorKind::AuthenticationFailed
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
    })
}
