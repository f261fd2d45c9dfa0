use std::{fmt, str::FromStr};

use ctutor_api::{
    Cors, CorsHeaders, Origin, Policy,
    transport::{self, HttpOptions},
};
use ctutor_engine::ids::WorkflowType;
use serde::{Deserialize, Deserializer};

use super::{Between, Config, Length, Timeout, list};

/// `[api]`: where the API listens and what users may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Api {
    /// Address to listen on.
    pub(crate) listen: Listen,
    /// Workflow types that users may start.
    #[serde(deserialize_with = "workflow_types")]
    pub(crate) user_may_start: Vec<String>,
    /// Pages of other origins that browsers let call.
    #[serde(deserialize_with = "origins")]
    pub(crate) cors_origins: Vec<Origin>,
    /// Request headers that those pages may send besides the usual ones.
    #[serde(deserialize_with = "headers")]
    pub(crate) cors_headers: CorsHeaders,
    /// How long browsers may remember the permission.
    pub(crate) cors_max_age: Timeout,
    /// Time for clients to disconnect when the API stops.
    pub(crate) drain_timeout: Length,
    /// Connections at a time.
    pub(crate) connections_max: Between<1, 1_000_000>,
    /// How long the head of a request may take.
    pub(crate) head_timeout: Timeout,
    /// How long the body of a request may take.
    pub(crate) body_timeout: Timeout,
    /// Longest wait for the end of a task that a caller may ask for over REST.
    pub(crate) result_wait_max: Timeout,
    /// How long the database may take for `/readyz` and `/metrics`.
    pub(crate) health_timeout: Timeout,
    /// Event streams of one subject at a time.
    pub(crate) subject_streams_max: Between<1, 100_000>,
    /// Bytes of payloads in one answer.
    pub(crate) response_bytes_max: Between<65_536, 1_073_741_824>,
}

/// Names of workflow types; `*` stands for all.
fn workflow_types<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = list::strings_or_all(deserializer)?;
    list::parsed(&names, |name| WorkflowType::parse(name).map(|_| name.to_owned()))
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Origin>, D::Error> {
    list::parsed(&list::strings_or_all(deserializer)?, str::parse::<Origin>)
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CorsHeaders, D::Error> {
    let names = list::strings_or_all(deserializer)?;
    if names.iter().any(|name| name == "*") {
        return Ok(CorsHeaders::Any);
    }
    let read = |name: &str| name.parse().map_err(|_| format!("`{name}` is not a valid name of a header"));
    list::parsed(&names, read).map(CorsHeaders::Listed)
}

/// A host, by name or number, and a port; port 0 takes a free one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Listen {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why a string is no such address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotListenable {
    /// A URL, which has more than an address.
    Url {
        authority: String,
    },
    NoPort,
    Port,
    Bracket,
    NoBrackets,
    NoHost {
        port: u16,
    },
    Host {
        character: char,
    },
}

impl FromStr for Listen {
    type Err = NotListenable;

    fn from_str(text: &str) -> Result<Self, NotListenable> {
        let text = text.trim();
        if let Some((_, rest)) = text.split_once("://") {
            let authority = rest.split('/').next().unwrap_or_default().to_owned();
            return Err(NotListenable::Url { authority });
        }
        let (host, port) = text.rsplit_once(':').ok_or(NotListenable::NoPort)?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or(NotListenable::Port)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or(NotListenable::Bracket)?,
            None if host.contains(':') => return Err(NotListenable::NoBrackets),
            None => host,
        };
        let is_odd = |character: &char| character.is_whitespace() || "/?#@[],*".contains(*character);
        match host.chars().find(is_odd) {
            _ if host.is_empty() => Err(NotListenable::NoHost { port }),
            Some(character) => Err(NotListenable::Host { character }),
            None => Ok(Self { host: host.to_owned(), port }),
        }
    }
}

impl fmt::Display for NotListenable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { authority } => write!(f, "it is a URL; write `{authority}` without the rest"),
            Self::NoPort => f.write_str("it has no port"),
            Self::Port => f.write_str("its port is not a number from 0 to 65535"),
            Self::Bracket => f.write_str("a bracket is missing"),
            Self::NoBrackets => f.write_str("an IPv6 address needs brackets, such as `[::1]:8000`"),
            Self::NoHost { port } => write!(
                f,
                "it has no host; write `0.0.0.0:{port}` or `[::]:{port}` for all addresses, `127.0.0.1:{port}` for \
                 this machine only"
            ),
            Self::Host { character } => {
                write!(f, "its host has the character {character:?}, which no host has")
            }
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = NotListenable;

    fn try_from(text: String) -> Result<Self, NotListenable> {
        text.parse()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Config {
    /// The options of the API. Every field is named, so that none is without a key.
    pub(crate) fn api_options(&self) -> ctutor_api::Options {
        let Self { api, graphql, streams, websocket, .. } = self;
        ctutor_api::Options {
            policy: Policy { user_may_start: api.user_may_start.clone() },
            cors: Cors {
                origins: api.cors_origins.clone(),
                headers: api.cors_headers.clone(),
                max_age: api.cors_max_age.0,
            },
            response_bytes_max: api.response_bytes_max.as_usize(),
            complexity_max: graphql.complexity_max.as_usize(),
            lists: graphql.lists(),
            wait_max: api.result_wait_max.0,
            health_timeout: api.health_timeout.0,
            connections_max: api.connections_max.as_usize(),
            head_timeout: api.head_timeout.0,
            drain_timeout: api.drain_timeout.0,
            transport: transport::Options {
                limits: graphql.limits(),
                introspection: graphql.introspection(),
                http: HttpOptions {
                    body_bytes_max: graphql.body_bytes_max.as_usize(),
                    body_timeout: api.body_timeout.0,
                    batch_requests_max: graphql.batch_requests_max.as_usize(),
                },
                sse: streams.options(api.subject_streams_max.as_usize()),
                documents: graphql.documents(),
                websocket: websocket.options(),
            },
        }
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
    fn a_wrong_address_is_refused_with_its_fault() {
        for (text, fault) in [
            ("", "no port"),
            ("8000", "no port"),
            (":8000", "write `0.0.0.0:8000` or `[::]:8000` for all addresses"),
            ("localhost", "no port"),
            ("localhost:", "not a number"),
            ("localhost:65536", "not a number"),
            ("localhost:+80", "not a number"),
            ("::1:80", "brackets"),
            ("[::1:80", "a bracket is missing"),
            ("a b:1", "the character ' '"),
            ("*:80", "the character '*'"),
            ("http://127.0.0.1:8000/", "it is a URL; write `127.0.0.1:8000`"),
        ] {
            let error = text.parse::<Listen>().unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
    }
}
