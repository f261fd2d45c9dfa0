//! Claims due tasks.

mod eager;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    attempts::{self, Prepared},
    runs,
    shared::{Input, Kinds, RunEntry, Shared},
};
pub(crate) use eager::LocalWorkers;

use crate::{
    chain,
    client::Acceptance,
    clock::Timestamp,
    failure::Failure,
    hint::{QueueHint, WorkerHint},
    ids::{ActivityType, RunId, TaskQueue, WorkflowType},
    log::outage::Duty,
    notify::{Delivery, Topic},
    store::{
        self, Claim, ClaimActivityTasks, ClaimWorkflowTasks, ClaimedWorkflowTask, LoadedRun, Shows, TaskKind,
    },
};

/// In the log lines of an outage.
const CLAIM: Duty = Duty::repeated("claiming due tasks");
/// What was read of claimed runs.
type Loaded = HashMap<RunId, LoadedRun>;

/// Maximum number of tasks of one claim.
const CLAIM_TASKS_MAX: usize = 100;

/// Claims until `shutdown`; runners and attempts continue in the tracker.
pub(super) async fn run(
    shared: Arc<Shared>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    ready: &watch::Sender<bool>,
) {
    let mut listeners = listen(&shared).await;
    ready.send_replace(true);
    let claims = Claims::new(&shared);
    let mut next_poll = shared.clock.uptime();
    while !shutdown.is_cancelled() {
        // A claim may bring back what was lost, in the place of what is at hand.
        shared.look_for_standstill();
        let mut wanted = shared.due.take(shared.clock.now());
        let uptime = shared.clock.uptime();
        if uptime >= next_poll {
            wanted = Kinds::ALL;
            next_poll = uptime + shared.options.poll_interval;
        }
        // What it took without a lease, others would take from it at once.
        if !shared.holds_lease() {
            wanted = Kinds::default();
        }
        match claims.take(&shared, &tracker, wanted).await {
            Ok(Asked::Nothing) => {}
            Ok(Asked::Database) => shared.store.succeeded(CLAIM, shared.clock.now()),
            // The next poll claims again.
            Err(error) => shared.store.failed(CLAIM, &error, shared.clock.now()).await,
        }
        let next_due = shared.due.next().unwrap_or(Timestamp::NEVER);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = shared.due.changed() => {}
            () = shared.clock.sleep_until(next_due) => {}
            () = shared.clock.sleep(next_poll.saturating_sub(shared.clock.uptime())) => {}
        }
    }
    // No waker of theirs tells that they are gone.
    let _work = shared.clock.busy().begin();
    listeners.shutdown().await;
}

/// Starts runners for runs that are handed over at their start, until no more can arrive.
pub(super) async fn take_begun(
    shared: Arc<Shared>,
    tracker: TaskTracker,
    mut begun: mpsc::UnboundedReceiver<eager::Begun>,
) {
    while let Some(eager::Begun { task, run, acceptance, reservation }) = begun.recv().await {
        begin(&shared, &tracker, task, run, Some(acceptance));
        drop(reservation);
    }
}

fn begin(
    shared: &Arc<Shared>,
    tracker: &TaskTracker,
    task: ClaimedWorkflowTask,
    run: LoadedRun,
    acceptance: Option<Acceptance>,
) {
    let (inputs, receiver) = mpsc::unbounded_channel();
    // No renewal misses a run that is not accepted yet.
    let since = if acceptance.is_some() { Duration::MAX } else { shared.clock.uptime() };
    let lost = CancellationToken::new();
    let entry = RunEntry { epoch: task.epoch, since, lost, inputs };
    {
        let mut runs = shared.runs();
        // A hand-over may arrive after a claim of the same run, if it took very long.
        if runs.get(&task.run_id).is_some_and(|at_hand| at_hand.epoch >= task.epoch) {
            return;
        }
        if let Some(former) = runs.insert(task.run_id, entry) {
            former.lost.cancel();
        }
    }
    let run = runs::run(shared.clone(), tracker.clone(), task, run, acceptance, receiver);
    shared.spawn(tracker, run);
}

/// Turns hints into claims. All topics are subscribed when this returns.
async fn listen(shared: &Arc<Shared>) -> JoinSet<()> {
    let mut listeners = JoinSet::new();
    let busy = shared.clock.busy();
    for queue in &shared.options.task_queues {
        let topic = Topic::TaskQueue { namespace: shared.namespace.clone(), name: queue.clone() };
        let mut subscription = shared.bus.subscribe(&topic).await;
        let shared = shared.clone();
        listeners.spawn(busy.track(async move {
            loop {
                on_queue_hint(&shared, &subscription.recv().await);
            }
        }));
    }
    let mut subscription = shared.bus.subscribe(&Topic::Worker(shared.worker_id)).await;
    let shared = shared.clone();
    listeners.spawn(busy.track(async move {
        loop {
            let delivery = subscription.recv().await;
            on_worker_hint(&shared, &delivery);
        }
    }));
    listeners
}

fn on_queue_hint(shared: &Shared, delivery: &Delivery) {
    let hint = match delivery {
        Delivery::Message(message) => serde_json::from_slice(message).ok(),
        Delivery::Gap(_) => None,
    };
    match hint {
        Some(QueueHint { kind, due }) => shared.look_at(due, kind),
        None => {
            shared.due.look_for(TaskKind::Workflow);
            shared.due.look_for(TaskKind::Activity);
        }
    }
}

fn on_worker_hint(shared: &Shared, delivery: &Delivery) {
    // After a gap the next renewal of the leases shows what was missed.
    let Delivery::Message(message) = delivery else { return };
    match serde_json::from_slice(message) {
        // Without a runner the run was released, and the message made it due.
        Ok(WorkerHint::Inbox(run_id)) => {
            if shared.tell(run_id, Input::Inbox(i64::MAX)).is_err() {
                shared.due.look_for(TaskKind::Workflow);
            }
        }
        Ok(WorkerHint::Closed(run_id)) => shared.lose_run(run_id),
        Err(error) => {
            tracing::debug!(error = %chain(&error), "a hint to this worker cannot be read; polling replaces it");
        }
    }
}

/// Whom a claim has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nobody: there was nothing to claim, or no place for it.
    Nothing,
    Database,
}

impl Asked {
    /// Whom two claims have asked, or the error of one that failed.
    fn both<E>(one: Result<Self, E>, other: Result<Self, E>) -> Result<Self, E> {
        Ok(match (one?, other?) {
            (Self::Nothing, Self::Nothing) => Self::Nothing,
            (Self::Database, _) | (_, Self::Database) => Self::Database,
        })
    }
}

/// The claims of this worker.
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
            now: Timestamp(0),
        };
        let workflows =
            shared.registry.workflows().map(|workflow| WorkflowType::to_string(&workflow.workflow_type));
        let activities = shared.registry.activity_types().map(ActivityType::to_string);
        Self { workflows: claim(workflows.collect()), activities: claim(activities.collect()) }
    }

    /// Claims due tasks of these kinds, as many as there are free slots.
    async fn take(
        &self,
        shared: &Arc<Shared>,
        tracker: &TaskTracker,
        wanted: Kinds,
    ) -> Result<Asked, store::Error> {
        shared.mark_claim();
        let (workflows, activities) = tokio::join!(
            async {
                if !wanted.contains(TaskKind::Workflow) || self.workflows.types.is_empty() {
                    return Ok(Asked::Nothing);
                }
                self.take_workflow_tasks(shared, tracker).await
            },
            async {
                if !wanted.contains(TaskKind::Activity) || self.activities.types.is_empty() {
                    return Ok(Asked::Nothing);
                }
                self.take_activity_tasks(shared, tracker).await
            },
        );
        shared.mark_claim();
        Asked::both(workflows, activities)
    }

    async fn take_workflow_tasks(
        &self,
        shared: &Arc<Shared>,
        tracker: &TaskTracker,
    ) -> Result<Asked, store::Error> {
        let free = || shared.options.runs_max.saturating_sub(shared.runs().len());
        if !has_place(shared, TaskKind::Workflow, free) {
            return Ok(Asked::Nothing);
        }
        let at_most = free().clamp(1, CLAIM_TASKS_MAX);
        let claimed = shared.store.write(ClaimWorkflowTasks(at(&self.workflows, shared, at_most))).await?;
        after_claim(shared, TaskKind::Workflow, claimed.len(), at_most);
        if claimed.is_empty() {
            return Ok(Asked::Database);
        }
        for (task, run) in load_runs(shared, claimed).await? {
            begin(shared, tracker, task, run, None);
        }
        Ok(Asked::Database)
    }

    async fn take_activity_tasks(
        &self,
        shared: &Arc<Shared>,
        tracker: &TaskTracker,
    ) -> Result<Asked, store::Error> {
        if !has_place(shared, TaskKind::Activity, || shared.slots_free()) {
            return Ok(Asked::Nothing);
        }
        // The slots are reserved before the claim, because a runner might fill them meanwhile; but only half of them,
        // so that runners find some for activities that they can start without waiting on the task queue.
        let at_most = shared.slots_free().div_ceil(2).min(CLAIM_TASKS_MAX);
        let mut slots: Vec<_> = (0..at_most).map_while(|_| shared.try_slot()).collect();
        if slots.is_empty() {
            // Runners took the slots first; the next one that becomes free triggers a claim.
            shared.due.set_starved(TaskKind::Activity, true);
            return Ok(Asked::Nothing);
        }
        let at_most = slots.len();
        let claimed = shared.store.write(ClaimActivityTasks(at(&self.activities, shared, at_most))).await?;
        slots.truncate(claimed.len());
        after_claim(shared, TaskKind::Activity, claimed.len(), at_most);
        if claimed.is_empty() {
            return Ok(Asked::Database);
        }
        let attempts = attempts::load(shared, claimed).await?;
        for (attempt, slot) in attempts.into_iter().zip(slots) {
            attempts::spawn(shared, tracker, Prepared::new(shared, attempt, slot));
        }
        Ok(Asked::Database)
    }
}

/// Whether there is a free slot for a task of the kind. If not, the next one that becomes free triggers a claim; that
/// may have happened just before this was requested, so the slots are counted again.
fn has_place(shared: &Shared, kind: TaskKind, free: impl Fn() -> usize) -> bool {
    if free() > 0 {
        return true;
    }
    shared.due.set_starved(kind, true);
    free() > 0
}

/// A claim that got as many tasks as it asked for may have left some.
fn after_claim(shared: &Shared, kind: TaskKind, claimed: usize, at_most: usize) {
    let full = claimed == at_most;
    shared.due.set_starved(kind, full);
    if full {
        shared.due.look_for(kind);
    }
}

/// Loads claimed runs. One that cannot be read is given back alone, so that it does not block the others.
///
/// A claim is written, and what it claims is read on another session. After a failover of the database that session
/// may lead to a server that does not have the last events and messages. A step of a run that was read there would
/// delete the messages that it did not see, so what was read is compared with what the claim found:
///
/// | what was read | what follows |
/// | --- | --- |
/// | all that the claim found | the run continues |
/// | more | the run was closed since, which its first write finds out |
/// | less | it is read again on a new session; if that shows less again, the run is given back |
async fn load_runs(
    shared: &Shared,
    mut claimed: Vec<ClaimedWorkflowTask>,
) -> Result<Vec<(ClaimedWorkflowTask, LoadedRun)>, store::Error> {
    let mut loaded = read(shared, &mut claimed).await?;
    let stale: Vec<ClaimedWorkflowTask> =
        claimed.iter().filter(|task| shown(&loaded, task) == Shows::Less).cloned().collect();
    if !stale.is_empty() {
        for task in &stale {
            loaded.remove(&task.run_id);
        }
        loaded.extend(read_again(shared, stale).await?);
    }
    let with_run = |task: ClaimedWorkflowTask| loaded.remove(&task.run_id).map(|run| (task, run));
    Ok(claimed.into_iter().filter_map(with_run).collect())
}

fn shown(loaded: &Loaded, task: &ClaimedWorkflowTask) -> Shows {
    loaded.get(&task.run_id).map_or(Shows::Less, |run| run.shows(task))
}

/// Reads on new sessions, and gives back what they do not show either.
async fn read_again(shared: &Shared, mut stale: Vec<ClaimedWorkflowTask>) -> Result<Loaded, store::Error> {
    // What new sessions did not show before is missing, whichever session reads.
    if stale.iter().any(|task| task.attempt == 0) {
        shared.store.distrust_sessions();
    }
    let mut loaded = read(shared, &mut stale).await?;
    let runs = stale.iter().filter(|task| shown(&loaded, task) == Shows::All).count();
    if runs > 0 {
        tracing::warn!(
            runs,
            "{runs} claimed runs were read without their last events or messages, as from a former primary of the \
             database; they were read again on new sessions"
        );
    }
    for task in &stale {
        if shown(&loaded, task) == Shows::Less {
            let run = loaded.remove(&task.run_id);
            give_back(shared, task, &lacks(task, run.as_ref())).await?;
        }
    }
    Ok(loaded)
}

/// What is missing.
fn lacks(task: &ClaimedWorkflowTask, run: Option<&LoadedRun>) -> String {
    let found = match run {
        None => "the run was not found".to_owned(),
        Some(LoadedRun { events, messages, .. }) => {
            let last = events.last().map_or(0, |event| event.event_id);
            format!("its last event is {last}, with {} messages in its inbox", messages.len())
        }
    };
    format!(
        "{found}, but event {} was committed, with {} messages; does `DATABASE_URL` lead to a former primary?",
        task.next_event_id - 1,
        task.unread_messages
    )
}

/// Reads runs, and gives those back that cannot be read; they are taken from the list.
async fn read(shared: &Shared, claimed: &mut Vec<ClaimedWorkflowTask>) -> Result<Loaded, store::Error> {
    let run_ids: Vec<RunId> = claimed.iter().map(|task| task.run_id).collect();
    match shared.store.load_runs(&shared.namespace, &run_ids).await {
        Err(store::Error::Unreadable { .. }) => {}
        loaded => return loaded,
    }
    let mut loaded = Loaded::new();
    for task in std::mem::take(claimed) {
        match shared.store.load_runs(&shared.namespace, &[task.run_id]).await {
            Ok(run) => {
                loaded.extend(run);
                claimed.push(task);
            }
            Err(error @ store::Error::Unreadable { .. }) => {
                let reason = chain(&error).to_string();
                give_back(shared, &task, &reason).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(loaded)
}

async fn give_back(shared: &Shared, task: &ClaimedWorkflowTask, reason: &str) -> Result<(), store::Error> {
    let failure = Failure::new("HistoryError", reason);
    // A run that was closed since is nobody's.
    if shared.store.write(runs::given_back(shared, task, &failure)).await? {
        tracing::error!(run.id = %task.run_id, reason, "a run cannot be read; reading is retried");
    }
    Ok(())
}

fn at(claim: &Claim, shared: &Shared, at_most: usize) -> Claim {
    Claim { at_most: u32::try_from(at_most).unwrap_or(u32::MAX), now: shared.clock.now(), ..claim.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_either_claim_is_told() {
        use Asked::{Database, Nothing};
        assert_eq!(Asked::both(Ok(Database), Err("lost")), Err("lost"));
        assert_eq!(Asked::both(Err("lost"), Ok(Nothing)), Err("lost"));
        assert_eq!(Asked::both::<()>(Ok(Nothing), Ok(Database)), Ok(Database));
        assert_eq!(Asked::both::<()>(Ok(Nothing), Ok(Nothing)), Ok(Nothing));
    }
}
