use std::time::Duration;

use crate::{Policy, transport};

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// What users may start.
    pub policy: Policy,
    /// Pages of other origins that may call, such as `https://console.example.com`. None by default.
    pub cors_origins: Vec<String>,
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
            drain_timeout: Duration::from_secs(10),
            transport: transport::Options::default(),
        }
    }
}
