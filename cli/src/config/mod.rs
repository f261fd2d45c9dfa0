//! What the command runs with: defaults, then one file, then the environment, then flags; checked once in `main`.
//!
//! Nothing else reads the environment. `default.toml` documents every key; [`KEYS`] says where each may come from.

mod api;
mod auth;
mod between;
mod client;
mod database;
mod environment;
mod error;
mod flags;
mod graphql;
mod keys;
mod kind;
mod layer;
mod length;
mod limits;
mod loaded;
mod log;
mod mask;
mod name;
mod password;
mod redis;
mod section;
mod show;
mod testing;
mod timeout;
mod worker;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use ctutor_engine::ids::Namespace;
use serde::{Deserialize, Deserializer, de};

pub(crate) use self::{
    api::{Api, Listen},
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
    pub(crate) data: PathBuf,
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
    Namespace::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
}
