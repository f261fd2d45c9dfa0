//! Why Redis cannot be used, and what whoever runs ctutor or Redis can do about it.

use std::{error::Error, io, sync::Arc};

use redis::{ErrorKind, RedisError};

use crate::log::outage::Gravity::{self, Operator, Passing};

/// What follows for operators; it is no reason to be woken up.
const CONSEQUENCE: &str = "meanwhile processes find each other's work by polling the database";

/// What the server answers: the code of its error, words that it has, how bad it is, and what to do. The first row that
/// fits holds. Where Redis has one code for many faults, its words are all that tells them apart.
const ANSWERS: &[(&str, &str, Gravity, &str)] = &[
    ("NOAUTH", "", Operator, LOGIN),
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

const LOGIN: &str = "correct the user and the password in REDIS_URL, and restart";
const NO_TLS: &str = "the port speaks no TLS: write `redis://` in REDIS_URL, or the port for TLS";
const PERHAPS_NO_TLS: &str =
    "start the server; if it runs and its port speaks no TLS, write `redis://` in REDIS_URL";
const NOT_REDIS: &str = "what answers is no Redis server, or speaks TLS: write `rediss://` in REDIS_URL for a port with \
                         TLS, or correct the port";
const CERTIFICATE: &str = "renew the certificate of the Redis server, let the system trust its authority, or write the \
                           name that is in it into REDIS_URL";

/// Whether the server may speak no TLS though it is asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// The URL asks for it, and nobody has answered yet.
    Untried,
    /// The URL does not ask for it, or the server has answered.
    Settled,
}

/// How bad it is, and what to do.
pub(super) fn of(error: &(dyn Error + 'static), tls: Tls) -> (Gravity, &'static str) {
    let errors = || std::iter::successors(Some(error), |&error| error.source());
    let is_timeout = errors().any(|error| {
        error.is::<tokio::time::error::Elapsed>()
            || error.downcast_ref::<RedisError>().is_some_and(RedisError::is_timeout)
    });
    // Redis without TLS waits for the end of a line in what is no text.
    if is_timeout && tls == Tls::Untried {
        return (Passing, PERHAPS_NO_TLS);
    }
    errors()
        .find_map(|error| error.downcast_ref::<RedisError>())
        .and_then(of_redis)
        .unwrap_or((Passing, CONSEQUENCE))
}

fn of_redis(error: &RedisError) -> Option<(Gravity, &'static str)> {
    match error.kind() {
        ErrorKind::AuthenticationFailed => return Some((Operator, LOGIN)),
        // The first bytes are not of the protocol.
        ErrorKind::Parse => return Some((Operator, NOT_REDIS)),
        ErrorKind::Io => return of_tls(error),
        _ => {}
    }
    let code = error.code()?;
    let words = error.to_string().to_lowercase();
    let row = ANSWERS.iter().find(|(its, part, ..)| *its == code && words.contains(part));
    row.map(|(_, _, gravity, remedy)| (*gravity, *remedy))
}

/// What is wrong with TLS, if that is what failed.
fn of_tls(error: &RedisError) -> Option<(Gravity, &'static str)> {
    let shared = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    let error = shared.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()?;
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Some((Operator, CERTIFICATE))
        }
        // Bytes that are no TLS records.
        rustls::Error::InvalidMessage(_) => Some((Operator, NO_TLS)),
        _ => None,
    }
}
