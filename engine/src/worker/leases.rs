//! Renews leases and detects what was lost.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    attempts::{self, deadlines::expires_at},
    shared::{Attempt, Found, Input, Shared},
};
use crate::{
    activity::{ActivityClose, CloseOutcome, StartedAttempt},
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    history::{ActivityTaskScheduled, RetryState},
    ids::{EventId, RunId},
    log::{self, LostAttempt, LostRun, Standing, outage::Duty},
    store::{
        self, ACTIVITY_CLOSED, ActivityLease, ActivityReport, AttemptEnd, LocalWorker, RenewLease,
        ReportOutput, Reporter, Rescue, RescueWorkflowTasks, TaskKind,
    },
};

/// In the log lines of an outage.
const RENEW: Duty = Duty::repeated("renewing leases");
const GIVE_BACK: Duty = Duty::repeated("giving back tasks whose claim was not answered");

/// Names of what was lost in a line; the rest is counted.
const NAMED_MAX: usize = 5;

/// Renews until `stop`; the worker is alive as long as that lasts.
pub(super) async fn run(shared: Arc<Shared>, alive: LocalWorker, stop: CancellationToken) -> LocalWorker {
    let mut strays = Strays::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return alive,
            () = shared.clock.sleep(shared.options.lease_renewal_interval) => {}
        }
        // First, while what may have been lost is still at hand.
        shared.look_for_standstill();
        let renewed = renew(&shared).await;
        tell(&shared, RENEW, renewed.as_ref().err()).await;
        let Ok(held) = renewed else { continue };
        tell_standstill(&shared).await;
        // Read first: what a claim took may not be in memory before the claim has ended.
        let claims = shared.claims();
        if claims % 2 == 1 && claims == strays.claims {
            continue;
        }
        let given_back = give_strays_back(&shared, &mut strays, &held, claims).await;
        tell(&shared, GIVE_BACK, given_back.as_ref().err()).await;
    }
}

/// Looks as often as the process should move, however long the database takes for a renewal.
pub(super) async fn watch(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        shared.look_for_standstill();
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.clock.sleep(shared.options.lease_renewal_interval) => {}
        }
    }
}

/// Tells the log that the process stood still, and what it lost, which renewals have shown.
async fn tell_standstill(shared: &Shared) {
    let Some(Found { lasted, at_hand, .. }) = shared.standstill().renewed() else { return };
    let runs: Vec<RunId> =
        at_hand.runs.iter().filter(|(_, lost)| lost.is_cancelled()).map(|(run_id, _)| *run_id).collect();
    let attempts: Vec<&Attempt> =
        at_hand.attempts.iter().filter(|attempt| attempt.lost.is_cancelled()).collect();
    let mut named: Vec<RunId> = runs.iter().take(NAMED_MAX).copied().collect();
    named.extend(attempts.iter().take(NAMED_MAX).map(|attempt| attempt.run_id));
    // Without the names the IDs are told.
    let names = shared.store.run_names(&shared.namespace, &named).await.unwrap_or_default();
    let name = |run_id: &RunId| {
        names.get(run_id).map_or_else(|| run_id.to_string(), |names| names.workflow_id.to_string())
    };
    let named_runs =
        runs.iter().take(NAMED_MAX).map(|run_id| LostRun { run_id: *run_id, workflow: name(run_id) });
    let named_attempts = attempts.iter().take(NAMED_MAX).map(|attempt| LostAttempt {
        workflow: name(&attempt.run_id),
        activity_type: attempt.activity_type.as_str(),
        number: attempt.number,
    });
    log::worker_stood_still(&Standing {
        namespace: &shared.namespace,
        worker_id: shared.worker_id,
        identity: &shared.options.identity,
        lasted,
        runs: runs.len(),
        attempts: attempts.len(),
        named_runs: named_runs.collect(),
        named_attempts: named_attempts.collect(),
    });
}

/// Tells the log how a duty ended.
async fn tell(shared: &Shared, duty: Duty, error: Option<&store::Error>) {
    let now = shared.clock.now();
    match error {
        None => shared.store.succeeded(duty, now),
        Some(error) => shared.store.failed(duty, error, now).await,
    }
}

/// Runs and activities whose rows name this worker, but which it does not process. They come from a claim whose
/// response was lost, and no other worker takes them while this one renews their leases. Those that are found twice
/// are released.
#[derive(Default)]
struct Strays {
    runs: HashSet<RunId>,
    activities: HashSet<(RunId, EventId)>,
    /// Value of the claim counter when they were found.
    claims: u64,
}

async fn renew(shared: &Arc<Shared>) -> Result<store::Held, store::Error> {
    let asked_at = shared.clock.uptime();
    let renewal = RenewLease {
        worker_id: shared.worker_id,
        now: shared.clock.now(),
        lasts: shared.options.lease_duration,
        // Not the reserved slots: a claim in progress reserves those that it may fill.
        slots_used: u32::try_from(shared.attempts().len()).unwrap_or(u32::MAX),
        draining: shared.draining.is_cancelled(),
        clock_offset_ms: shared.clock.offset().map(|offset| offset.ahead_ms),
    };
    let held = shared.store.write(renewal).await?;
    if !held.registered {
        tracing::info!(worker.id = %shared.worker_id, "other processes considered this worker lost; it registers again");
        shared.store.write(super::registration(shared)).await?;
    }
    shared.renewed(asked_at);
    shared.at_most_once.renewed(&held, asked_at);
    tell_runs(shared, &held, asked_at);
    tell_attempts(shared, &held, asked_at);
    Ok(held)
}

/// Tells the runners what their runs are to the database. Those that are newer than the statement are not in its result.
fn tell_runs(shared: &Shared, held: &store::Held, asked_at: Duration) {
    for (run_id, entry) in shared.runs().iter().filter(|(_, entry)| entry.since < asked_at) {
        // Under another epoch it was lost, and came back: the runner of this one has nothing of it.
        let row = held.runs.get(run_id).filter(|row| row.epoch == entry.epoch);
        if row.is_none() {
            entry.lost.cancel();
        }
        // A runner that has ended meanwhile needs no message.
        let _ = entry.inputs.send(row.map_or(Input::Lost, |row| Input::Inbox(row.inbox_sequence)));
    }
}

/// Tells the attempts whether they are still this worker's, and asked to stop.
fn tell_attempts(shared: &Shared, held: &store::Held, asked_at: Duration) {
    for (key, attempt) in shared.attempts().iter() {
        match held.activities.get(key).filter(|row| row.attempt == attempt.number) {
            Some(row) if row.cancel_requested => attempt.canceled.cancel(),
            Some(_) => {}
            // It may have begun since: what the statement found, if anything, was the attempt before.
            None if attempt.durable_since.is_some_and(|since| since < asked_at) => attempt.lost.cancel(),
            None => {}
        }
    }
}

async fn give_strays_back(
    shared: &Arc<Shared>,
    strays: &mut Strays,
    held: &store::Held,
    claims: u64,
) -> Result<(), store::Error> {
    let runs: HashSet<RunId> = {
        let at_hand = shared.runs();
        held.runs.keys().filter(|run_id| !at_hand.contains_key(run_id)).copied().collect()
    };
    let activities: HashSet<(RunId, EventId)> = {
        let at_hand = shared.attempts();
        held.activities.keys().filter(|key| !at_hand.contains_key(key)).copied().collect()
    };
    let again: Vec<RunId> = runs.intersection(&strays.runs).copied().collect();
    if !again.is_empty() {
        let now = shared.clock.now();
        let which = Rescue::Runs(shared.worker_id, again);
        shared.store.write(RescueWorkflowTasks { now, which }).await?;
        shared.due.look_for(TaskKind::Workflow);
    }
    let again: Vec<_> = activities.intersection(&strays.activities).copied().collect();
    give_activities_back(shared, held, &again).await?;
    *strays = Strays { runs, activities, claims };
    Ok(())
}

/// Releases activities that were claimed and never started, because the response of the claim was lost.
async fn give_activities_back(
    shared: &Shared,
    held: &store::Held,
    keys: &[(RunId, EventId)],
) -> Result<(), store::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let store::Scheduled { scheduled, unreadable } = shared.store.scheduled_activities_apart(keys).await?;
    if keys.iter().any(|key| !scheduled.contains_key(key) && !unreadable.contains_key(key)) {
        shared.store.distrust_sessions();
    }
    for key in keys {
        let lease = ActivityLease {
            run_id: key.0,
            scheduled_event_id: key.1,
            attempt: held.activities[key].attempt,
            owner: Some(shared.worker_id),
        };
        if let Some(reason) = unreadable.get(key) {
            attempts::put_off(shared, lease, None, reason).await?;
            continue;
        }
        // Without its deadline it would wait for ever; the next renewal finds it again, and reads on new sessions.
        let Some(scheduled) = scheduled.get(key) else { continue };
        let now = shared.clock.now();
        let end = match shared.at_most_once.begun_at(key, lease.attempt) {
            Some(started_at) => dropped(shared, lease, scheduled, started_at),
            None => {
                let expires_at = expires_at(scheduled, held.activities[key].scheduled_at, now);
                AttemptEnd::GiveBack { checkpoint: None, expires_at }
            }
        };
        let output =
            shared.store.write(ActivityReport { lease, end, now, reporter: Reporter::Owner }).await?;
        if let ReportOutput::Accepted(Some(wake)) = output {
            shared.wake(lease.run_id, &wake, now);
        }
    }
    Ok(())
}

/// The end of an attempt that may run at most once, began here, and was dropped.
fn dropped(
    shared: &Shared,
    lease: ActivityLease,
    scheduled: &ActivityTaskScheduled,
    started_at: Timestamp,
) -> AttemptEnd {
    let activity_type = scheduled.activity_type.as_str();
    tracing::warn!(
        run.id = %lease.run_id,
        activity.r#type = activity_type,
        "activity `{activity_type}` was dropped by this worker while it ran; it may run at most once and is not repeated"
    );
    let message = format!(
        "worker `{}` dropped activity `{activity_type}` while it ran, and it may run at most once",
        shared.options.identity
    );
    let close = ActivityClose {
        scheduled_event_id: lease.scheduled_event_id,
        started: Some(StartedAttempt {
            attempt: lease.attempt,
            started_at,
            identity: shared.options.identity.clone(),
            last_failure: None,
        }),
        outcome: CloseOutcome::TimedOut {
            timeout_type: TimeoutType::Heartbeat,
            failure: Failure::new("WorkerLost", message),
            retry_state: RetryState::MaximumAttemptsReached,
        },
    };
    let body = serde_json::to_string(&close).expect("the end of an activity has a JSON form");
    AttemptEnd::Close { kind: ACTIVITY_CLOSED, body }
}
