//! Activities whose worker was lost, and such as nobody took in time.

use super::{Scope, Service};
use crate::{
    activity::{ActivityClose, CloseOutcome, StartedAttempt},
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    hint,
    history::RetryState,
    store::{self, ACTIVITY_CLOSED, ActivityReport, AttemptEnd, ExpiredActivity, ReportOutput},
    worker::deadlines::{expires_at, timeout_failure},
};

/// Most workers that one activity may lose: one that kills whoever runs it must not go round for ever.
const WORKER_LOSSES_MAX: u32 = 20;
/// Most of them in one go.
const ACTIVITIES_MAX: u64 = 500;

pub(super) async fn end(service: &Service, scope: Scope) -> Result<(), store::Error> {
    let now = service.clock.now();
    // Every lease has ended at the end of time.
    let (as_of, alive) = match scope {
        Scope::All => (Timestamp::NEVER, service.store.local_workers()),
        Scope::Expired => (now, Vec::new()),
    };
    let expired = service.store.expired_activities(as_of, &alive, now, ACTIVITIES_MAX).await?;
    for activity in expired {
        let lost = activity.lease.owner.is_some();
        let end = if lost { end_of_lost(&activity, now) } else { end_of_waiting(&activity, now) };
        let lease = activity.lease;
        let outcome = service.store.write(ActivityReport { lease, end, now }).await?;
        let ReportOutput::Accepted(wake) = outcome else { continue };
        tracing::info!(
            run.id = %lease.run_id, activity.id = activity.scheduled.activity_id, attempt = lease.attempt, lost,
            "an activity timed out"
        );
        if let Some(wake) = wake {
            hint::publish_wake(&*service.bus, &service.namespace, lease.run_id, &wake, now);
        }
    }
    Ok(())
}

/// A lost worker is noticed by its silence, which is what the heartbeat timeout stands for.
fn end_of_lost(activity: &ExpiredActivity, now: Timestamp) -> AttemptEnd {
    let identity = activity.worker_identity.clone().unwrap_or_default();
    let message =
        format!("worker `{identity}` was lost while it ran activity `{}`", activity.scheduled.activity_type);
    let failure = Failure::new("WorkerLost", message);
    let (scheduled, attempt) = (&activity.scheduled, activity.lease.attempt);
    match after_loss(activity, now) {
        // There is no reason to wait: the activity did nothing wrong.
        Ok(()) => AttemptEnd::Lost {
            failure: serde_json::to_string(&failure).expect("a failure has a JSON form"),
            expires_at: expires_at(scheduled, activity.scheduled_at, now),
        },
        Err(retry_state) => {
            let started = StartedAttempt {
                attempt,
                started_at: activity.started_at.unwrap_or(activity.scheduled_at),
                identity,
                last_failure: activity.last_failure.clone(),
            };
            close(activity, Some(started), TimeoutType::Heartbeat, failure, retry_state)
        }
    }
}

/// Whether an activity whose worker was lost is tried again. The retry policy speaks of failures, and this is none,
/// so only three things end it: it may run at most once, it has no time left, or it has lost too many workers.
fn after_loss(activity: &ExpiredActivity, now: Timestamp) -> Result<(), RetryState> {
    let scheduled = &activity.scheduled;
    let at_most_once = scheduled.retry_policy.maximum_attempts == 1;
    if at_most_once || activity.worker_losses + 1 >= WORKER_LOSSES_MAX {
        return Err(RetryState::MaximumAttemptsReached);
    }
    match scheduled.schedule_to_close_timeout_ms {
        Some(ms) if now.0 >= activity.scheduled_at.0.saturating_add(ms) => Err(RetryState::Timeout),
        _ => Ok(()),
    }
}

fn end_of_waiting(activity: &ExpiredActivity, now: Timestamp) -> AttemptEnd {
    let scheduled = &activity.scheduled;
    let to_close = scheduled.schedule_to_close_timeout_ms;
    let closes_at = to_close.map(|ms| Timestamp(activity.scheduled_at.0.saturating_add(ms)));
    let (timeout, limit) = match closes_at {
        Some(due) if due <= now => (TimeoutType::ScheduleToClose, to_close),
        _ => (TimeoutType::ScheduleToStart, scheduled.schedule_to_start_timeout_ms),
    };
    let mut failure = timeout_failure(timeout, limit, scheduled);
    failure.cause = activity.last_failure.clone().map(Box::new);
    close(activity, None, timeout, failure, RetryState::Timeout)
}

fn close(
    activity: &ExpiredActivity,
    started: Option<StartedAttempt>,
    timeout_type: TimeoutType,
    failure: Failure,
    retry_state: RetryState,
) -> AttemptEnd {
    let close = ActivityClose {
        scheduled_event_id: activity.lease.scheduled_event_id,
        started,
        outcome: CloseOutcome::TimedOut { timeout_type, failure, retry_state },
    };
    let body = serde_json::to_string(&close).expect("the end of an activity has a JSON form");
    AttemptEnd::Close { kind: ACTIVITY_CLOSED, body }
}
