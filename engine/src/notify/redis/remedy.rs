//! Why Redis cannot be used, and what whoever runs ctutor or Redis can do about it.

use std::{error::Error, io, sync::Arc};

use redis::{ErrorKind, RedisError};
use tokio::time::error::Elapsed;

use crate::{
    log::outage::Gravity::{self, Operator, Passing},
    open_files,
};

/// What follows for operators; it is no reason to be woken up.
const CONSEQUENCE: &str = "meanwhile processes find each other's work by polling the database";

/// What the server answers: the code of its error, words that it has, how bad it is, and what to do. The first row that
/// fits holds. Where Redis has one code for many faults, its words are all that tells them apart.
const ANSWERS: &[(&str, &str, Gravity, &str)] = &[
    (
        "NOAUTH",
        "",
        Operator,
        "the server wants a password and REDIS_URL has none: write it as in `redis://:PASSWORD@HOST:PORT`, or \
         `redis://USER:PASSWORD@HOST:PORT` for a user of its ACL, percent-encoded, and restart",
    ),
    ("WRONGPASS", "", Operator, LOGIN),
    (
        "NOPERM",
        "",
        Operator,
        "allow the user of REDIS_URL what ctutor does: `ACL SETUSER NAME +publish +subscribe +unsubscribe +ping \
         &ctutor:*`",
    ),
    (
        "DENIED",
        "",
        Operator,
        "the server is in protected mode: give it a password (`requirepass`) and write it into REDIS_URL",
    ),
    (
        "MISCONF",
        "",
        Operator,
        "the server cannot save its data and therefore refuses commands: see its log, free space or mend the rights of \
         its folder, or turn off `stop-writes-on-bgsave-error`",
    ),
    (
        "ERR",
        "cluster mode",
        Operator,
        "leave out the number of the database at the end of REDIS_URL, since a cluster has database 0 alone",
    ),
    (
        "ERR",
        "db index",
        Operator,
        "correct the number of the database at the end of REDIS_URL, or raise `databases` of the server",
    ),
    (
        "ERR",
        "max number of clients",
        Operator,
        "raise `maxclients` of the server, and its limit of open files",
    ),
    (
        "CLUSTERDOWN",
        "",
        Operator,
        "look at `redis-cli cluster info`: slots or nodes of the cluster are missing",
    ),
];

const LOGIN: &str = "correct the user and the password in REDIS_URL, percent-encoded (`@` as `%40`, `/` as `%2F`), or leave \
                     them out where the server asks for none, and restart";
const AWAY: &str = "start the server, or correct the host and the port in REDIS_URL; meanwhile processes find each other's \
                    work by polling the database";
const NO_TLS: &str =
    "what answers speaks no TLS: write `redis://` in REDIS_URL, or the port on which Redis speaks TLS";
const SLOW_OR_NO_TLS: &str =
    "start the server; if it runs and its port speaks no TLS, write `redis://` in REDIS_URL";
const PERHAPS_NO_TLS: &str = "the connection was closed before anything was answered: write `redis://` in REDIS_URL if the port speaks no TLS, correct \
     the port if it is not that of Redis, or look at the proxy before it";
const PERHAPS_TLS: &str = "the connection was closed before anything was answered: write `rediss://` in REDIS_URL if the \
                           port is for TLS, correct the port if it is not that of Redis, or look at the proxy before it";
const NOT_REDIS: &str = "what answers is no Redis server, or speaks TLS: write `rediss://` in REDIS_URL for a port with \
                         TLS, or correct the port";
const CERTIFICATE: &str = "renew the certificate of the Redis server, let the system trust its authority, or write the \
                           name that is in it into REDIS_URL";

/// What the URL asks for, and whether a server has proved that it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// With TLS, and nobody has answered yet.
    UntriedTls,
    /// Without TLS, and nobody has answered yet.
    UntriedPlain,
    /// A Redis server has answered.
    Proved,
}

/// How bad it is, and what to do.
pub(super) fn of(error: &(dyn Error + 'static), protocol: Protocol) -> (Gravity, &'static str) {
    let errors = || std::iter::successors(Some(error), |&error| error.source());
    let redis = errors().find_map(|error| error.downcast_ref::<RedisError>());
    let is_timeout = redis.is_some_and(RedisError::is_timeout)
        || errors().find_map(|error| error.downcast_ref::<Elapsed>()).is_some();
    match redis {
        // Redis without TLS waits for the end of a line in what is no text.
        _ if is_timeout && protocol == Protocol::UntriedTls => (Passing, SLOW_OR_NO_TLS),
        _ if is_timeout => (Passing, AWAY),
        Some(error) => of_redis(error, protocol),
        // The server closed the connection.
        None => of_loss(protocol),
    }
}

fn of_redis(error: &RedisError, protocol: Protocol) -> (Gravity, &'static str) {
    match error.kind() {
        ErrorKind::AuthenticationFailed => return (Operator, LOGIN),
        // The first bytes are not of the protocol.
        ErrorKind::Parse => return (Operator, NOT_REDIS),
        ErrorKind::Io => return of_connection(error, protocol),
        _ => {}
    }
    let code = error.code().unwrap_or_default();
    let words = error.to_string().to_lowercase();
    let row = ANSWERS.iter().find(|(its, part, ..)| *its == code && words.contains(part));
    row.map_or((Passing, CONSEQUENCE), |(_, _, gravity, remedy)| (*gravity, *remedy))
}

/// What is wrong with a connection that cannot be made, or broke.
fn of_connection(error: &RedisError, protocol: Protocol) -> (Gravity, &'static str) {
    let Some(error) = io_error(error) else { return of_loss(protocol) };
    if let Some(remedy) = open_files::remedy(error) {
        return (Operator, remedy);
    }
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            return (Operator, CERTIFICATE);
        }
        // Bytes that are no TLS records.
        Some(rustls::Error::InvalidMessage(_)) => return (Operator, NO_TLS),
        _ => {}
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            of_loss(protocol)
        }
        _ => (Passing, AWAY),
    }
}

/// Of a connection that stood and was closed.
fn of_loss(protocol: Protocol) -> (Gravity, &'static str) {
    match protocol {
        Protocol::UntriedTls => (Passing, PERHAPS_NO_TLS),
        Protocol::UntriedPlain => (Passing, PERHAPS_TLS),
        Protocol::Proved => (Passing, CONSEQUENCE),
    }
}

/// The error of the operating system or of TLS that the client library wraps.
fn io_error(error: &RedisError) -> Option<&io::Error> {
    error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?.downcast_ref()
}
