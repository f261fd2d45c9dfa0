//! From claimed tasks to attempts.
//!
//! A claim is written, and what it claims is read on another session, which may lead to a former primary of the
//! database. What is not shown is read again on new sessions. What is not shown then either, or cannot be read, is put
//! off alone, so that it holds up no other activity.

use std::{collections::HashMap, time::Duration};

use super::Attempt;
use crate::{
    failure::Failure,
    history::ActivityTaskScheduled,
    ids::{ActivityType, RunId},
    payload::Payload,
    store::{
        self, ActivityKey, ActivityLease, ActivityReport, AttemptEnd, ClaimedActivityTask, ReportOutput,
        Reporter, RunNames, Scheduled, TaskKind,
    },
    worker::shared::Shared,
};

/// From a read that failed to the next one.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// What was read of claimed tasks.
#[derive(Default)]
struct Loaded {
    scheduled: HashMap<ActivityKey, ActivityTaskScheduled>,
    names: HashMap<RunId, RunNames>,
}

impl Loaded {
    fn shows(&self, task: &ClaimedActivityTask) -> bool {
        self.scheduled.contains_key(&key(task)) && self.names.contains_key(&task.run_id)
    }
}

/// Reads what claimed tasks need besides their rows.
pub(in crate::worker) async fn load(
    shared: &Shared,
    mut claimed: Vec<ClaimedActivityTask>,
) -> Result<Vec<Attempt>, store::Error> {
    let mut loaded = read(shared, &mut claimed).await?;
    let stale: Vec<ClaimedActivityTask> =
        claimed.iter().filter(|task| !loaded.shows(task)).cloned().collect();
    if !stale.is_empty() {
        let again = read_again(shared, stale).await?;
        loaded.scheduled.extend(again.scheduled);
        loaded.names.extend(again.names);
    }
    Ok(claimed.into_iter().filter_map(|task| attempt(&mut loaded, task)).collect())
}

fn attempt(loaded: &mut Loaded, task: ClaimedActivityTask) -> Option<Attempt> {
    let names = loaded.names.get(&task.run_id)?;
    Some(Attempt {
        run_id: task.run_id,
        scheduled_event_id: task.scheduled_event_id,
        workflow_id: names.workflow_id.clone(),
        workflow_type: names.workflow_type.clone(),
        scheduled: loaded.scheduled.remove(&key(&task))?,
        scheduled_at: task.scheduled_at,
        number: task.attempt,
        checkpoint: task.checkpoint.and_then(|text| Payload::parse(text).ok()),
        last_failure: task.last_failure.and_then(|text| serde_json::from_str(&text).ok()),
        worker_losses: task.worker_losses,
        cancel_requested: task.cancel_requested,
        durable: true,
    })
}

/// Reads on new sessions, and puts off what they do not show either.
async fn read_again(shared: &Shared, mut stale: Vec<ClaimedActivityTask>) -> Result<Loaded, store::Error> {
    shared.store.distrust_sessions();
    let mut loaded = read(shared, &mut stale).await?;
    let activities = stale.iter().filter(|task| loaded.shows(task)).count();
    if activities > 0 {
        tracing::warn!(
            activities,
            "{activities} claimed activities were read without their events or runs, as from a former primary of the \
             database; they were read again on new sessions"
        );
    }
    for task in stale {
        if loaded.shows(&task) {
            continue;
        }
        let what = if loaded.names.contains_key(&task.run_id) {
            format!("event {}, which scheduled it, was not found", task.scheduled_event_id)
        } else {
            "its run was not found".to_owned()
        };
        let reason = format!("{what}; does `DATABASE_URL` lead to a former primary?");
        loaded.scheduled.remove(&key(&task));
        put_off(shared, lease(shared, &task), Some(&task.activity_type), &reason).await?;
    }
    Ok(loaded)
}

/// Reads, and puts off what cannot be read; that is taken from the list.
async fn read(shared: &Shared, claimed: &mut Vec<ClaimedActivityTask>) -> Result<Loaded, store::Error> {
    let keys: Vec<ActivityKey> = claimed.iter().map(key).collect();
    let Scheduled { scheduled, unreadable } = shared.store.scheduled_activities_apart(&keys).await?;
    for task in claimed.iter() {
        if let Some(reason) = unreadable.get(&key(task)) {
            put_off(shared, lease(shared, task), Some(&task.activity_type), reason).await?;
        }
    }
    claimed.retain(|task| !unreadable.contains_key(&key(task)));
    let run_ids: Vec<RunId> = claimed.iter().map(|task| task.run_id).collect();
    let names = shared.store.run_names(&shared.namespace, &run_ids).await?;
    Ok(Loaded { scheduled, names })
}

/// Gives an activity back that cannot be read, so that some worker tries again after a while.
pub(in crate::worker) async fn put_off(
    shared: &Shared,
    lease: ActivityLease,
    activity_type: Option<&ActivityType>,
    reason: &str,
) -> Result<(), store::Error> {
    let now = shared.clock.now();
    let visible_at = now + RETRY_INTERVAL;
    let failure = Failure::new("HistoryError", reason);
    let failure = serde_json::to_string(&failure).expect("a failure has a JSON form");
    let end = AttemptEnd::PutOff { visible_at, failure };
    let output = shared.store.write(ActivityReport { lease, end, now, reporter: Reporter::Owner }).await?;
    // One whose run was closed since is nobody's.
    if matches!(output, ReportOutput::Accepted(_)) {
        shared.look_at(visible_at, TaskKind::Activity);
        tracing::error!(
            run.id = %lease.run_id,
            activity.r#type = activity_type.map(ActivityType::as_str),
            reason,
            "an activity cannot be read; reading is retried"
        );
    }
    Ok(())
}

fn key(task: &ClaimedActivityTask) -> ActivityKey {
    (task.run_id, task.scheduled_event_id)
}

fn lease(shared: &Shared, task: &ClaimedActivityTask) -> ActivityLease {
    ActivityLease {
        run_id: task.run_id,
        scheduled_event_id: task.scheduled_event_id,
        attempt: task.attempt,
        owner: Some(shared.worker_id),
    }
}
