use std::time::Duration;

use super::Cors;
use crate::{ListBounds, Policy, transport};

/// Added to the largest payload for the request around it.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// Room for the payloads that one event can hold, which are input, memo and search attributes, and what is around.
const EVENT_PAYLOADS: usize = 4;

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Workflow types that users may start.
    pub policy: Policy,
    /// Pages of other origins that may call. None by default.
    pub cors: Cors,
    /// Bytes of payloads in one response of GraphQL, or in one item of a subscription: 16 MiB. It is raised to four
    /// times the largest payload if that is more.
    pub response_bytes_max: usize,
    /// Highest cost of one GraphQL operation, page sizes times the fields of their items: 20,000.
    pub complexity_max: usize,
    /// Bounds on lists in arguments and answers of GraphQL.
    pub lists: ListBounds,
    /// Longest wait for the end of a task over REST that a caller may ask for: 5 min.
    pub wait_max: Duration,
    /// Time for the database to answer `/readyz` and `/metrics`: 2 s.
    pub health_timeout: Duration,
    /// Connections at a time: 10,000. Others wait to be accepted. WebSockets have bounds of their own.
    pub connections_max: usize,
    /// Time for the head of a request to arrive, also on a connection that is kept open: 30 s.
    pub head_timeout: Duration,
    /// Time for clients to disconnect when the server shuts down: 10 s.
    pub drain_timeout: Duration,
    /// Bounds of GraphQL's transports.
    pub transport: transport::Options,
}

impl Options {
    /// The least bytes of a request's body that lets the largest payload in. A smaller bound is raised to it.
    #[must_use]
    pub fn body_bytes_min(payload_size_bytes_max: usize) -> usize {
        payload_size_bytes_max.saturating_add(ENVELOPE_BYTES)
    }

    /// The least bytes of payloads in a response that let every event out. A smaller bound is raised to it.
    #[must_use]
    pub fn response_bytes_min(payload_size_bytes_max: usize) -> usize {
        payload_size_bytes_max.saturating_mul(EVENT_PAYLOADS)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            cors: Cors::default(),
            response_bytes_max: 16 * 1024 * 1024,
            complexity_max: 20_000,
            lists: ListBounds::default(),
            wait_max: Duration::from_secs(300),
            health_timeout: Duration::from_secs(2),
            connections_max: 10_000,
            head_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            transport: transport::Options::default(),
        }
    }
}
