//! Activities whose worker was lost, and those that no worker took in time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::Service;
use crate::{
    activity::{ActivityClose, CloseOutcome, StartedAttempt},
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    hint,
    history::RetryState,
    ids::{RunId, WorkerId},
    log::{self, AttemptOf, RunOf},
    store::{
        self, ACTIVITY_CLOSED, ActivityKey, ActivityLease, ActivityReport, AttemptEnd, ExpiredActivity,
        ReportOutput, Reporter,
    },
    worker::attempts::deadlines::{expires_at, timeout_failure},
};

/// Maximum number of workers that one activity may lose: one that kills its worker must not be retried forever.
const WORKER_LOSSES_MAX: u32 = 20;
/// Maximum number of activities that one look ends.
const ACTIVITIES_MAX: u64 = 500;

/// Ends expired activities and returns how many each lost worker held.
pub(super) async fn end(
    service: &Service,
    lost: &[WorkerId],
    now: Timestamp,
    unreadable: &mut BTreeSet<ActivityKey>,
) -> Result<BTreeMap<WorkerId, usize>, store::Error> {
    let mut held: BTreeMap<WorkerId, usize> = BTreeMap::new();
    loop {
        let expired = service.store.expired_activities(lost, now, ACTIVITIES_MAX).await?;
        tell_unreadable(unreadable, &expired.unreadable);
        let found = expired.activities.len();
        let ended = end_some(service, expired.activities, now, &mut held).await?;
        // What is left belongs to somebody again, or cannot be read.
        if ended == 0 || (found as u64) < ACTIVITIES_MAX {
            return Ok(held);
        }
    }
}

/// Ends these activities, in few transactions; returns how many were still to be ended.
async fn end_some(
    service: &Service,
    expired: Vec<ExpiredActivity>,
    now: Timestamp,
    held: &mut BTreeMap<WorkerId, usize>,
) -> Result<usize, store::Error> {
    let runs: Vec<RunId> = expired.iter().map(|activity| activity.lease.run_id).collect();
    let names = service.names(&runs).await;
    let reporter = if service.store.is_exclusive() { Reporter::Undertaker } else { Reporter::TakesOver };
    let reports = expired.into_iter().map(async |activity| {
        let (end, ended) = match activity.lease.owner {
            Some(worker_id) => {
                let after = after_loss(&activity, now);
                (end_of_lost(&activity, after, now), Ended::Lost(worker_id, after))
            }
            None => {
                let (failure, timeout) = failure_of_waiting(&activity, now);
                let end = close(&activity, None, timeout, failure.clone(), RetryState::Timeout);
                (end, Ended::NotTaken(failure))
            }
        };
        let reporter = if activity.lease.owner.is_some() { reporter } else { Reporter::Owner };
        let report = ActivityReport { lease: activity.lease, end, now, reporter };
        Ok::<_, store::Error>((activity, ended, service.store.write(report).await?))
    });
    let mut count = 0;
    for (activity, ended, outcome) in try_join_all(reports).await? {
        let ReportOutput::Accepted(wake) = outcome else { continue };
        count += 1;
        let lease = activity.lease;
        if let Ended::Lost(worker_id, _) = ended {
            *held.entry(worker_id).or_default() += 1;
        }
        if let Some(names) = names.get(&lease.run_id) {
            log_end(&activity, service.run_of(lease.run_id, names), &ended);
        }
        if let Some(wake) = wake {
            hint::publish_wake(&*service.bus, &service.namespace, lease.run_id, &wake, now);
        }
    }
    Ok(count)
}

/// Tells once of each activity that cannot be read. Whether it may run again is not known, so that it stays with its lost
/// worker until it can be.
fn tell_unreadable(told: &mut BTreeSet<ActivityKey>, found: &[(ActivityLease, String)]) {
    let key = |lease: &ActivityLease| (lease.run_id, lease.scheduled_event_id);
    told.retain(|known| found.iter().any(|(lease, _)| key(lease) == *known));
    for (lease, reason) in found {
        if told.insert(key(lease)) {
            tracing::error!(run.id = %lease.run_id, reason, "an activity cannot be read; reading is retried");
        }
    }
}

/// How an expired activity ended.
enum Ended {
    /// With its worker.
    Lost(WorkerId, Result<(), RetryState>),
    /// While it waited for a worker.
    NotTaken(Failure),
}

fn log_end(activity: &ExpiredActivity, run: RunOf<'_>, ended: &Ended) {
    let attempt = AttemptOf { run, scheduled: &activity.scheduled, attempt: activity.lease.attempt };
    match ended {
        Ended::Lost(_, after) => {
            let worker = activity.worker_identity.as_deref().unwrap_or("unknown");
            log::attempt_lost(attempt, worker, after.err());
        }
        Ended::NotTaken(failure) => log::attempt_not_taken(attempt, failure),
    }
}

/// A lost worker is detected by missing heartbeats, so its loss is recorded as a heartbeat timeout.
fn end_of_lost(activity: &ExpiredActivity, after: Result<(), RetryState>, now: Timestamp) -> AttemptEnd {
    let identity = activity.worker_identity.clone().unwrap_or_default();
    let message =
        format!("worker `{identity}` was lost while it ran activity `{}`", activity.scheduled.activity_type);
    let failure = Failure::new("WorkerLost", message);
    let (scheduled, attempt) = (&activity.scheduled, activity.lease.attempt);
    match after {
        // Without a delay: the activity itself did not fail.
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

/// Whether an activity whose worker was lost is retried. The retry policy covers failures of the activity, and this
/// is not one, so only three things end it: it may run at most once, it has no time left, or it lost too many workers.
fn after_loss(activity: &ExpiredActivity, now: Timestamp) -> Result<(), RetryState> {
    let scheduled = &activity.scheduled;
    let at_most_once = scheduled.retry_policy.is_at_most_once();
    if at_most_once || activity.worker_losses + 1 >= WORKER_LOSSES_MAX {
        return Err(RetryState::MaximumAttemptsReached);
    }
    match scheduled.schedule_to_close_timeout_ms {
        Some(ms) if now.0 >= activity.scheduled_at.0.saturating_add(ms) => Err(RetryState::Timeout),
        _ => Ok(()),
    }
}

fn failure_of_waiting(activity: &ExpiredActivity, now: Timestamp) -> (Failure, TimeoutType) {
    let scheduled = &activity.scheduled;
    let to_close = scheduled.schedule_to_close_timeout_ms;
    let closes_at = to_close.map(|ms| Timestamp(activity.scheduled_at.0.saturating_add(ms)));
    let (timeout, limit) = match closes_at {
        Some(due) if due <= now => (TimeoutType::ScheduleToClose, to_close),
        _ => (TimeoutType::ScheduleToStart, scheduled.schedule_to_start_timeout_ms),
    };
    let mut failure = timeout_failure(timeout, limit, scheduled);
    failure.cause = activity.last_failure.clone().map(Box::new);
    (failure, timeout)
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
