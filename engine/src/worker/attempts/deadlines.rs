//! When attempts time out, and when the next one may start.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    history::{ActivityTaskScheduled, RetryState},
    retry::RetryDecision,
};

/// When an attempt that may start at `visible_at` times out if no worker takes it.
pub(crate) fn expires_at(
    scheduled: &ActivityTaskScheduled,
    scheduled_at: Timestamp,
    visible_at: Timestamp,
) -> Option<Timestamp> {
    let after = |start: Timestamp| move |ms: i64| Timestamp(start.0.saturating_add(ms));
    let to_start = scheduled.schedule_to_start_timeout_ms.map(after(visible_at));
    let to_close = scheduled.schedule_to_close_timeout_ms.map(after(scheduled_at));
    [to_start, to_close].into_iter().flatten().min()
}

/// The failure that records a timeout.
pub(crate) fn timeout_failure(
    timeout: TimeoutType,
    limit_ms: Option<i64>,
    scheduled: &ActivityTaskScheduled,
) -> Failure {
    let within = limit_ms.map(|ms| format!(" of {ms} ms")).unwrap_or_default();
    let message =
        format!("activity `{}` exceeded its {} timeout{within}", scheduled.activity_type, timeout.as_str());
    Failure::new("Timeout", message)
}

/// When the next attempt may start, or why there is none; `attempt` does not count attempts that were lost with their
/// workers.
pub(crate) fn next_attempt(
    scheduled: &ActivityTaskScheduled,
    scheduled_at: Timestamp,
    attempt: u32,
    failure: &Failure,
    delay: Option<Duration>,
    timeout: Option<TimeoutType>,
    now: Timestamp,
) -> Result<Timestamp, RetryState> {
    if matches!(timeout, Some(TimeoutType::ScheduleToClose | TimeoutType::ScheduleToStart)) {
        return Err(RetryState::Timeout);
    }
    let wait = match scheduled.retry_policy.decide(attempt, failure) {
        RetryDecision::After(wait) => delay.unwrap_or(wait),
        RetryDecision::NonRetryable => return Err(RetryState::NonRetryableFailure),
        RetryDecision::AttemptsExhausted => return Err(RetryState::MaximumAttemptsReached),
    };
    let due = now + wait;
    match scheduled.schedule_to_close_timeout_ms {
        Some(ms) if due.0 >= scheduled_at.0.saturating_add(ms) => Err(RetryState::Timeout),
        _ => Ok(due),
    }
}
