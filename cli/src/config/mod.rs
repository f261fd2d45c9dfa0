//! What the command runs with: defaults, then one file, then the environment, then flags; checked once in `main`.
//!
//! Nothing else reads the environment. `default.toml` documents every key; [`KEYS`] says where each may come from.

mod api;
mod api_url;
mod auth;
mod between;
mod client;
mod database;
mod environment;
mod error;
mod flags;
mod folders;
mod graphql;
mod keys;
mod kind;
mod layer;
mod length;
mod limits;
mod list;
mod loaded;
mod log;
mod mask;
mod name;
pub(crate) mod near;
mod password;
mod place;
mod redis;
mod relations;
mod section;
mod show;
mod testing;
mod timeout;
mod unknown;
mod worker;

#[cfg(test)]
mod minima;
#[cfg(test)]
mod tests;

use ctutor_engine::ids::Namespace;
use serde::{Deserialize, Deserializer, de};

pub(crate) use self::{
    api::{Api, Listen},
    api_url::ApiUrl,
    auth::{Auth, JwtSecret},
    between::Between,
    client::Client,
    database::{Database, DatabaseUrl},
    environment::Environment,
    error::Error,
    flags::Flags,
    graphql::{Graphql, Streams, WebSocket},
    keys::{KEYS, Key},
    kind::Kind,
    length::Length,
    limits::Limits,
    loaded::Loaded,
    log::{Format, Log},
    name::Name,
    password::REMEDY as PASSWORD_REMEDY,
    place::{AbsolutePlace, Place},
    redis::{Redis, RedisUrl},
    testing::Testing,
    timeout::Timeout,
    worker::Worker,
};

/// The commented defaults.
pub(crate) const DEFAULTS: &str = include_str!("default.toml");

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The isolated set of workflows that this process serves.
    #[serde(deserialize_with = "namespace")]
    pub(crate) namespace: Namespace,
    /// Where `ctutor dev` keeps its files.
    pub(crate) data: Place,
    pub(crate) database: Database,
    pub(crate) redis: Redis,
    pub(crate) auth: Auth,
    pub(crate) api: Api,
    pub(crate) graphql: Graphql,
    pub(crate) streams: Streams,
    pub(crate) websocket: WebSocket,
    pub(crate) worker: Worker,
    pub(crate) testing: Testing,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) client: Client,
}

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Namespace, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim() != text && !text.trim().is_empty() {
        // Processes with and without it would not see each other's workflows.
        return Err(de::Error::custom("it begins or ends with a space or a line end"));
    }
    Namespace::parse(text).map_err(de::Error::custom)
}
