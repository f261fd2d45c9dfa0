//! Faults of the service: logged once, here, and shown to callers without their text.

use ctutor_engine::{chain, store};

/// Seconds after which a caller may try again. A failover takes some, and a caller who waits for longer gains nothing.
pub(crate) const RETRY_AFTER: u32 = 5;

/// What a caller is told of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something broke.
    Internal,
    /// The same request may well succeed a little later.
    Unavailable,
}

impl Fault {
    /// Logs a fault of the database and tells which kind it is.
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

    /// The text for callers.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal error",
            Self::Unavailable => "service unavailable, retry later",
        }
    }
}
