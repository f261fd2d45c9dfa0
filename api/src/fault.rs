//! Failures of the service: logged once here with their cause, and reported to callers without it.

use ctutor_engine::{chain, store};

/// Seconds after which a caller may try again. A failover takes some, and a caller who waits for longer gains nothing.
pub(crate) const RETRY_AFTER: u32 = 5;

/// What a caller learns about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something failed.
    Internal,
    /// The same request may succeed a little later.
    Unavailable,
}

impl Fault {
    /// Logs a failure of the database and returns its kind.
    pub(crate) fn of_store(error: &store::Error) -> Self {
        if error.needs_operator() {
            tracing::error!(
                error = %chain(error),
                "the database needs attention, a request was answered as unavailable"
            );
            return Self::Unavailable;
        }
        if error.is_unavailable() {
            tracing::warn!(
                error = %chain(error),
                "the database is unavailable or overloaded, a request was refused"
            );
            return Self::Unavailable;
        }
        tracing::error!(error = %chain(error), "a request failed");
        Self::Internal
    }

    /// The message for callers.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal error",
            Self::Unavailable => "service unavailable, retry later",
        }
    }
}
