//! Retry policies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::millis, failure::Failure};

/// Whether and when a failed attempt is retried.
///
/// The delay before attempt *n* + 1 is `min(initial · backoff^(n - 1), maximum)`, as in Temporal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Delay before the second attempt, in milliseconds.
    pub initial_interval_ms: i64,
    /// Factor by which the delay grows with each attempt; at least 1.
    pub backoff_coefficient: f64,
    /// Maximum delay, in milliseconds.
    pub maximum_interval_ms: i64,
    /// Maximum number of attempts; 0 means no limit.
    pub maximum_attempts: u32,
    /// Failure types that are not retried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub non_retryable_error_types: Vec<String>,
}

impl Default for RetryPolicy {
    /// Temporal's default: 1 s, factor 2, at most 100 s, no limit of attempts.
    fn default() -> Self {
        Self {
            initial_interval_ms: 1_000,
            backoff_coefficient: 2.0,
            maximum_interval_ms: 100_000,
            maximum_attempts: 0,
            non_retryable_error_types: Vec::new(),
        }
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Retry after this delay.
    After(Duration),
    /// The failure is not retryable.
    NonRetryable,
    /// The maximum number of attempts is reached.
    AttemptsExhausted,
}

impl RetryPolicy {
    /// Whether the activity may run at most once, in whatever way its attempt ends.
    #[must_use]
    pub fn is_at_most_once(&self) -> bool {
        self.maximum_attempts == 1
    }

    /// Decides after `attempt` (1, 2, 3 …) failed with `failure`.
    #[must_use]
    pub fn decide(&self, attempt: u32, failure: &Failure) -> RetryDecision {
        if failure.non_retryable || self.non_retryable_error_types.contains(&failure.kind) {
            return RetryDecision::NonRetryable;
        }
        if self.maximum_attempts != 0 && attempt >= self.maximum_attempts {
            return RetryDecision::AttemptsExhausted;
        }
        RetryDecision::After(self.interval_after(attempt))
    }

    /// Delay after `attempt` (1, 2, 3 …) before the next one.
    #[must_use]
    pub fn interval_after(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        #[expect(clippy::cast_precision_loss, reason = "intervals are far below 2^52 ms")]
        let wait = self.initial_interval_ms as f64 * self.backoff_coefficient.max(1.0).powi(exponent);
        let maximum = Duration::from_millis(u64::try_from(self.maximum_interval_ms).unwrap_or(0));
        // If the power overflows it is infinite, which is not a duration: then the maximum applies.
        Duration::try_from_secs_f64(wait / 1_000.0).map_or(maximum, |wait| wait.min(maximum))
    }

    /// The policy with this first delay.
    #[must_use]
    pub fn initial_interval(mut self, interval: Duration) -> Self {
        self.initial_interval_ms = millis(interval);
        self
    }

    /// The policy with this maximum delay.
    #[must_use]
    pub fn maximum_interval(mut self, interval: Duration) -> Self {
        self.maximum_interval_ms = millis(interval);
        self
    }

    /// The policy with this factor.
    #[must_use]
    pub fn backoff_coefficient(mut self, factor: f64) -> Self {
        self.backoff_coefficient = factor;
        self
    }

    /// The policy with at most this many attempts; 0 means no limit.
    #[must_use]
    pub fn maximum_attempts(mut self, attempts: u32) -> Self {
        self.maximum_attempts = attempts;
        self
    }

    /// The policy that does not retry these failure types.
    #[must_use]
    pub fn non_retryable_error_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.non_retryable_error_types = types.into_iter().map(Into::into).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_maximum() {
        let policy = RetryPolicy::default().maximum_interval(Duration::from_secs(10));
        let waits: Vec<_> = (1..=6).map(|attempt| policy.interval_after(attempt).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
        assert_eq!(policy.interval_after(u32::MAX), Duration::from_secs(10));
    }

    #[test]
    fn a_failure_decides_whether_it_is_tried_again() {
        let policy = RetryPolicy::default().maximum_attempts(2).non_retryable_error_types(["Validation"]);
        let broken = Failure::new("Io", "disk");
        assert_eq!(policy.decide(1, &broken), RetryDecision::After(Duration::from_secs(1)));
        assert_eq!(policy.decide(2, &broken), RetryDecision::AttemptsExhausted);
        assert_eq!(policy.decide(1, &Failure::new("Validation", "x")), RetryDecision::NonRetryable);
        assert_eq!(policy.decide(1, &broken.non_retryable()), RetryDecision::NonRetryable);
    }
}
