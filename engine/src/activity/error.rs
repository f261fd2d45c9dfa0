use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{chain, failure::Failure, payload::Payload};

/// Why an attempt of an activity ended without a result.
///
/// `?` converts any error type into it, as a retryable failure.
/// It does not implement [`std::error::Error`] itself, which makes that conversion possible.
#[derive(Debug, Clone)]
pub struct ActivityError {
    /// Whether it failed or was canceled.
    pub kind: ActivityErrorKind,
    /// The failure that is recorded.
    pub failure: Failure,
    /// Delay before the next attempt instead of the policy's, for example from a `Retry-After` header.
    pub next_retry_delay: Option<Duration>,
}

/// The two ways in which an attempt ends without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityErrorKind {
    /// It failed.
    Failed,
    /// It stopped after a cancel request.
    Canceled,
}

impl ActivityError {
    /// A failure that is retried according to the retry policy.
    #[must_use]
    pub fn retryable(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: ActivityErrorKind::Failed, failure: Failure::new(kind, message), next_retry_delay: None }
    }

    /// A failure that another attempt cannot fix.
    #[must_use]
    pub fn non_retryable(kind: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::retryable(kind, message);
        error.failure.non_retryable = true;
        error
    }

    /// The activity stopped after a cancel request.
    #[must_use]
    pub fn canceled() -> Self {
        let mut error = Self::non_retryable("Canceled", "the activity was canceled");
        error.kind = ActivityErrorKind::Canceled;
        error
    }

    /// The same error with values for programs; omitted if they cannot be written as JSON.
    #[must_use]
    pub fn details(mut self, details: &impl Serialize) -> Self {
        self.failure.details = Payload::encode(details).ok();
        self
    }

    /// The same error, retried after this delay instead of the policy's.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.next_retry_delay = Some(delay);
        self
    }
}

impl<E: std::error::Error> From<E> for ActivityError {
    fn from(error: E) -> Self {
        Self::retryable(class_of::<E>(), chain(&error).to_string())
    }
}

impl fmt::Display for ActivityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.message)
    }
}

/// The bare name of an error type: `std::io::error::Error` is `io::Error` to a reader, so the last
/// two parts are kept when the last one says too little.
fn class_of<E>() -> String {
    let full = std::any::type_name::<E>();
    let plain = full.split('<').next().unwrap_or(full);
    let parts: Vec<&str> = plain.split("::").collect();
    match parts.as_slice() {
        [.., module, "Error"] => format!("{module}::Error"),
        [.., last] => (*last).to_owned(),
        [] => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_becomes_a_retryable_failure_of_its_class() {
        let error: ActivityError = std::io::Error::other("disk full").into();
        assert_eq!(error.failure.kind, "error::Error");
        assert_eq!(error.failure.message, "disk full");
        assert!(!error.failure.non_retryable);
    }
}
