//! Claiming due tasks.

use std::{collections::HashMap, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    attempt::{self, Prepared},
    runner,
    shared::Shared,
};
use crate::{
    failure::Failure,
    hint::WorkerHint,
    ids::{ActivityType, RunId, TaskQueue, WorkflowType},
    notify::{Delivery, Topic},
    store::{self, Claim, ClaimActivityTasks, ClaimWorkflowTasks, ClaimedWorkflowTask, LoadedRun},
};

/// Most tasks of one claim.
const CLAIM_TASKS_MAX: usize = 100;

/// Claims until `shutdown`; runners and attempts live on in the tracker.
pub(super) async fn run(
    shared: Arc<Shared>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    ready: &watch::Sender<bool>,
) {
    let mut listeners = listen(&shared).await;
    ready.send_replace(true);
    let claims = Claims::new(&shared);
    while !shutdown.is_cancelled() {
        let more = match claims.take(&shared, &tracker).await {
            Ok(more) => more,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "due tasks could not be claimed");
                false
            }
        };
        if more {
            continue;
        }
        let now = shared.clock.now();
        let poll = now + shared.options.poll_interval;
        let next = shared.next_wake_up(now).map_or(poll, |due| due.min(poll));
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = shared.due.notified() => {}
            () = shared.clock.sleep_until(next) => {}
        }
    }
    listeners.shutdown().await;
}

/// Turns hints into looks for due tasks. All topics are subscribed when this returns.
async fn listen(shared: &Arc<Shared>) -> JoinSet<()> {
    let mut listeners = JoinSet::new();
    for queue in &shared.options.task_queues {
        let topic = Topic::TaskQueue { namespace: shared.namespace.clone(), name: queue.clone() };
        let mut subscription = shared.bus.subscribe(&topic).await;
        let shared = shared.clone();
        listeners.spawn(async move {
            loop {
                subscription.recv().await;
                shared.due.notify_one();
            }
        });
    }
    let mut subscription = shared.bus.subscribe(&Topic::Worker(shared.worker_id)).await;
    let shared = shared.clone();
    listeners.spawn(async move {
        loop {
            let delivery = subscription.recv().await;
            on_worker_hint(&shared, &delivery);
        }
    });
    listeners
}

fn on_worker_hint(shared: &Shared, delivery: &Delivery) {
    // After a gap the next renewal of the leases tells what was missed.
    let Delivery::Message(message) = delivery else { return };
    match serde_json::from_slice(message) {
        // Absence of the runner means that the run was let go: then the message made it due.
        Ok(WorkerHint::Inbox(run_id)) => {
            if shared.tell(run_id, runner::Input::Inbox(i64::MAX)).is_err() {
                shared.due.notify_one();
            }
        }
        Ok(WorkerHint::Closed(run_id)) => lose_run(shared, run_id),
        Err(error) => {
            tracing::debug!(%error, "a hint to this worker cannot be read; polling makes up for it");
        }
    }
}

/// Drops a run that was closed from outside, with its activities.
pub(super) fn lose_run(shared: &Shared, run_id: RunId) {
    // Whether or not the run is at hand, its activities may be.
    let _ = shared.tell(run_id, runner::Input::Lost);
    stop_attempts(shared, run_id);
}

/// Drops the activities of a run that has ended.
pub(super) fn stop_attempts(shared: &Shared, run_id: RunId) {
    for ((of, _), attempt) in shared.attempts().iter() {
        if *of == run_id {
            attempt.lost.cancel();
        }
    }
}

/// What this worker asks for in every claim.
struct Claims {
    workflows: Claim,
    activities: Claim,
}

impl Claims {
    fn new(shared: &Shared) -> Self {
        let claim = |types: Vec<String>| Claim {
            worker_id: shared.worker_id,
            worker_identity: shared.options.identity.clone(),
            namespace: shared.namespace.to_string(),
            task_queues: shared.options.task_queues.iter().map(TaskQueue::to_string).collect(),
            types,
            at_most: 0,
            now: crate::clock::Timestamp(0),
            lease_expires_at: crate::clock::Timestamp(0),
        };
        let workflows =
            shared.registry.workflows().map(|workflow| WorkflowType::to_string(&workflow.workflow_type));
        let activities = shared.registry.activity_types().map(ActivityType::to_string);
        Self { workflows: claim(workflows.collect()), activities: claim(activities.collect()) }
    }

    /// Takes what is due and fits; whether there may be more.
    async fn take(&self, shared: &Arc<Shared>, tracker: &TaskTracker) -> Result<bool, store::Error> {
        let runs = shared.options.runs_max.saturating_sub(shared.runs().len()).min(CLAIM_TASKS_MAX);
        let slots = shared.slots_free().min(CLAIM_TASKS_MAX);
        shared.mark_claim();
        let (workflows, activities) = tokio::join!(
            self.take_workflow_tasks(shared, tracker, runs),
            self.take_activity_tasks(shared, tracker, slots),
        );
        shared.mark_claim();
        Ok((runs > 0 && workflows? == runs) || (slots > 0 && activities? == slots))
    }

    async fn take_workflow_tasks(
        &self,
        shared: &Arc<Shared>,
        tracker: &TaskTracker,
        at_most: usize,
    ) -> Result<usize, store::Error> {
        if at_most == 0 || self.workflows.types.is_empty() {
            return Ok(0);
        }
        let claimed = shared.store.write(ClaimWorkflowTasks(at(&self.workflows, shared, at_most))).await?;
        if claimed.is_empty() {
            return Ok(0);
        }
        let taken = claimed.len();
        for (task, run) in load_runs(shared, claimed).await? {
            let (inputs, receiver) = mpsc::unbounded_channel();
            let entry = super::shared::RunEntry { epoch: task.epoch, since: shared.clock.now(), inputs };
            shared.runs().insert(task.run_id, entry);
            tracker.spawn(runner::run(shared.clone(), tracker.clone(), task, run, receiver));
        }
        Ok(taken)
    }

    async fn take_activity_tasks(
        &self,
        shared: &Arc<Shared>,
        tracker: &TaskTracker,
        at_most: usize,
    ) -> Result<usize, store::Error> {
        if at_most == 0 || self.activities.types.is_empty() {
            return Ok(0);
        }
        // The places are taken before the claim: a runner might fill them meanwhile.
        let mut slots: Vec<_> = (0..at_most).map_while(|_| shared.try_slot()).collect();
        let Some(at_most) = (!slots.is_empty()).then_some(slots.len()) else { return Ok(0) };
        let claimed = shared.store.write(ClaimActivityTasks(at(&self.activities, shared, at_most))).await?;
        slots.truncate(claimed.len());
        if claimed.is_empty() {
            return Ok(0);
        }
        let taken = claimed.len();
        let attempts = attempt::load(shared, claimed).await?;
        for (attempt, slot) in attempts.into_iter().zip(slots) {
            attempt::spawn(shared, tracker, Prepared::new(shared, attempt, slot));
        }
        Ok(taken)
    }
}

/// Reads what claimed runs need. A run that cannot be read is given back by itself, lest it holds up the others.
async fn load_runs(
    shared: &Shared,
    claimed: Vec<ClaimedWorkflowTask>,
) -> Result<Vec<(ClaimedWorkflowTask, LoadedRun)>, store::Error> {
    let run_ids: Vec<RunId> = claimed.iter().map(|task| task.run_id).collect();
    let mut loaded = match shared.store.load_runs(&shared.namespace, &run_ids).await {
        Err(store::Error::Unreadable { .. }) => load_readable(shared, &claimed).await?,
        loaded => loaded?,
    };
    // A run that ended between the claim and the load has no row any more.
    let with_run = |task: ClaimedWorkflowTask| loaded.remove(&task.run_id).map(|run| (task, run));
    Ok(claimed.into_iter().filter_map(with_run).collect())
}

async fn load_readable(
    shared: &Shared,
    claimed: &[ClaimedWorkflowTask],
) -> Result<HashMap<RunId, LoadedRun>, store::Error> {
    let mut readable = HashMap::new();
    for task in claimed {
        match shared.store.load_runs(&shared.namespace, &[task.run_id]).await {
            Ok(loaded) => readable.extend(loaded),
            Err(error @ store::Error::Unreadable { .. }) => {
                tracing::error!(run.id = %task.run_id, %error, "a run cannot be read; it is tried again later");
                let failure = Failure::new("HistoryError", error.to_string());
                shared.store.write(runner::given_back(shared, task, &failure)).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(readable)
}

fn at(claim: &Claim, shared: &Shared, at_most: usize) -> Claim {
    Claim {
        at_most: u32::try_from(at_most).unwrap_or(u32::MAX),
        now: shared.clock.now(),
        lease_expires_at: shared.lease_end(),
        ..claim.clone()
    }
}
