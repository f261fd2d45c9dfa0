//! Faults of the service: logged once, here, and shown to callers without their text.

use ctutor_engine::{chain, store};

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
        if error.is_unavailable() {
            tracing::warn!(
                error = %chain(error),
                "the database is away or cannot keep up, a request was turned away"
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
            Self::Unavailable => "the service cannot do it now, try again later",
        }
    }
}
