//! Failures of the service: logged once here with their cause, and reported to callers without it.

use std::time::Instant;

use ctutor_engine::{chain, store};

use crate::thinned::Thinned;

// While the database is away, every request meets the same.
static NEED_ATTENTION: Thinned = Thinned::new();
static REFUSED: Thinned = Thinned::new();

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
            if let Some(left_out) = NEED_ATTENTION.take(Instant::now()) {
                let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
                tracing::error!(
                    error = %chain(error),
                    sqlstate = error.code(),
                    left_out,
                    "the database needs attention, a request was answered as unavailable{remedy}"
                );
            }
            return Self::Unavailable;
        }
        if error.is_unavailable() {
            // Of a run that another session has locked the engine tells, once; the database is well.
            if !matches!(error, store::Error::RunLocked(_))
                && let Some(left_out) = REFUSED.take(Instant::now())
            {
                let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
                tracing::warn!(
                    error = %chain(error),
                    sqlstate = error.code(),
                    left_out,
                    "the database is unavailable or overloaded, a request was refused{remedy}"
                );
            }
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
