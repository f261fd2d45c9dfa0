use std::{fmt, str::FromStr};

use serde::Deserialize;

use super::{Between, Length};

/// `[api]`: where it listens and what it lets users do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Api {
    /// Where it listens.
    pub(crate) listen: Listen,
    /// Workflow types that users may start.
    pub(crate) user_may_start: Vec<String>,
    /// Pages of other origins that browsers let call.
    pub(crate) cors_origins: Vec<String>,
    /// How long clients get to go when the API stops.
    pub(crate) drain_timeout: Length,
    /// Connections at a time.
    pub(crate) connections_max: Between<1, 1_000_000>,
    /// How long the head of a request may take.
    pub(crate) head_timeout: Length,
    /// Event streams of one subject at a time.
    pub(crate) subject_streams_max: Between<1, 100_000>,
    /// Bytes of payloads in one answer.
    pub(crate) response_bytes_max: Between<65_536, 1_073_741_824>,
}

/// A host, by name or number, and a port; port 0 takes a free one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Listen {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
        let port = port.parse().map_err(|_| "its port is no number from 0 to 65535")?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or("a bracket is missing")?,
            None if host.contains(':') => return Err("an IPv6 address needs brackets"),
            None => host,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err("it has no host");
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Listen {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_make_an_address() {
        for (text, host, port) in
            [("127.0.0.1:8000", "127.0.0.1", 8000), ("localhost:0", "localhost", 0), ("[::1]:80", "::1", 80)]
        {
            let listen: Listen = text.parse().unwrap();
            assert_eq!((listen.host.as_str(), listen.port), (host, port));
            assert_eq!(listen.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_address_is_refused() {
        for text in
            ["", "8000", ":8000", "localhost", "localhost:", "localhost:65536", "::1:80", "[::1:80", "a b:1"]
        {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
