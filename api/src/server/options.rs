use std::time::Duration;

use crate::{Policy, transport};

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// What users may start.
    pub policy: Policy,
    /// Pages of other origins that may call, such as `https://console.example.com`. None by default.
    pub cors_origins: Vec<String>,
    /// Bytes of payloads in one answer of GraphQL, or in one item of a subscription: 16 MiB. It is raised to four
    /// times the largest payload if that is more.
    pub response_bytes_max: usize,
    /// Connections at a time: 10,000. Others wait to be accepted. WebSockets have bounds of their own.
    pub connections_max: usize,
    /// Time for the head of a request to arrive, also on a connection that is kept open: 30 s.
    pub head_timeout: Duration,
    /// How long clients get to go when the server shuts down: 10 s.
    pub drain_timeout: Duration,
    /// Bounds of GraphQL's transports.
    pub transport: transport::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            cors_origins: Vec::new(),
            response_bytes_max: 16 * 1024 * 1024,
            connections_max: 10_000,
            head_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            transport: transport::Options::default(),
        }
    }
}
