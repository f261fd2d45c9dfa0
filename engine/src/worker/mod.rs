//! The worker: takes due tasks of its task queues and processes them.
//!
//! | room | does |
//! | --- | --- |
//! | [`shared`] | what all rooms know: what is at hand, what is due, what began, whether the process stood still |
//! | [`attempts`] | one for each activity attempt: runs the code under its timeouts, forwards heartbeats |
//! | [`runs`] | a runner for each run in memory: replays it, applies events, commits its steps |
//! | [`claims`] | claims tasks when a hint, a timer or the polling interval says so; takes runs of eager starts |
//! | [`leases`] | renews the leases of the worker, and tells the other rooms what was lost |
//!
//! Each room needs only those before it.
//!
//! **Who is authoritative.** Always the database: a worker holds a run or an attempt as long as the row names it as
//! the owner. If it still works on something that it has lost, its commit is refused and it drops the run. A runner
//! commits its steps in order and may have several in flight; if one is refused, all later ones are refused too.
//!
//! **Failures.** A worker that dies leaves rows whose leases expire; maintenance, in any process, makes them due
//! again. A worker that stalls longer than its leases detects it at its next commit or renewal. A worker that stops
//! releases everything at once. A worker that cannot reach the database keeps running activities and claims nothing.

pub(crate) mod attempts;
mod claims;
mod leases;
mod options;
mod runs;
mod shared;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use claims::LocalWorkers;
pub use options::WorkerOptions;

use crate::{
    chain,
    clock::{Clock, millis},
    hint::{self, QueueHint},
    ids::{Namespace, TaskQueue},
    notify::Bus,
    registry::Registry,
    store::{self, LocalWorker, RegisterWorker, RemoveWorkers, Rescue, RescueWorkflowTasks, Store, TaskKind},
};
use shared::Shared;

/// Why a worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no task queue.
    #[error("a worker needs at least one task queue")]
    NoTaskQueue,
    /// It could not be registered.
    #[error("the worker could not be registered")]
    Register(#[source] store::Error),
}

/// A worker that is ready to run.
#[derive(Debug)]
pub struct Service {
    shared: Arc<Shared>,
    alive: LocalWorker,
    local_workers: LocalWorkers,
    ready: watch::Sender<bool>,
}

/// Observes a worker from outside. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    ready: watch::Receiver<bool>,
}

impl Handle {
    /// Returns when the worker is registered and takes tasks, or has failed.
    pub async fn ready(&mut self) {
        // An error means that the service is gone, which its owner learns from `run`.
        let _ = self.ready.wait_for(|ready| *ready).await;
    }

    /// Number of running activities.
    #[must_use]
    pub fn slots_used(&self) -> usize {
        self.shared.attempts().len()
    }
}

impl Service {
    pub(crate) fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        namespace: Namespace,
        local_workers: LocalWorkers,
        registry: Registry,
        options: WorkerOptions,
    ) -> Self {
        let shared = Arc::new(Shared::new(store, bus, clock, namespace, registry, options));
        let alive = shared.store.add_local_worker(shared.worker_id);
        Self { shared, alive, local_workers, ready: watch::Sender::new(false) }
    }

    /// A handle to observe it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone(), ready: self.ready.subscribe() }
    }

    /// Runs until `shutdown`, then lets activities finish within the grace period and releases everything.
    ///
    /// # Errors
    /// [`Error::NoTaskQueue`] or [`Error::Register`]; later failures are logged and retried.
    pub fn run(self, shutdown: CancellationToken) -> impl Future<Output = Result<(), Error>> + Send {
        let busy = self.shared.clock.busy();
        busy.track(self.serve(shutdown))
    }

    async fn serve(self, shutdown: CancellationToken) -> Result<(), Error> {
        let shared = self.shared;
        if shared.options.task_queues.is_empty() {
            return Err(Error::NoTaskQueue);
        }
        let asked_at = shared.clock.uptime();
        shared.store.write(registration(&shared)).await.map_err(Error::Register)?;
        shared.renewed(asked_at);
        let queues = shared.options.task_queues.iter().map(TaskQueue::as_str).collect::<Vec<_>>().join(",");
        tracing::info!(
            worker.id = %shared.worker_id,
            worker.identity = shared.options.identity,
            queues,
            "worker `{}` started on task queues {queues}",
            shared.options.identity
        );
        let tracker = TaskTracker::new();
        let background = CancellationToken::new();
        let busy = shared.clock.busy();
        let leases = tokio::spawn(busy.track(leases::run(shared.clone(), self.alive, background.clone())));
        tokio::spawn(busy.track(leases::watch(shared.clone(), background.clone())));
        let (membership, begun) = self.local_workers.join(&shared);
        shared.spawn(&tracker, claims::take_begun(shared.clone(), tracker.clone(), begun));
        // The poller is subscribed before `ready`, so no hint that follows is missed.
        claims::run(shared.clone(), tracker.clone(), shutdown, &self.ready).await;
        drop(membership);
        drain(&shared, &tracker).await;
        background.cancel();
        // They end without the clock.
        let ending = busy.begin();
        // The renewal task does not panic; if it did, there is nothing left for it to renew.
        let _alive = leases.await;
        drop(ending);
        give_everything_back(&shared).await;
        tracing::info!(
            worker.id = %shared.worker_id,
            worker.identity = shared.options.identity,
            "worker `{}` stopped",
            shared.options.identity
        );
        Ok(())
    }
}

/// Releases waiting runs, lets activities finish within the grace period, and then stops the rest.
async fn drain(shared: &Shared, tracker: &TaskTracker) {
    shared.draining.cancel();
    tracker.close();
    let grace = shared.clock.sleep_until(shared.clock.now() + shared.options.grace_period);
    tokio::select! {
        () = tracker.wait() => return,
        () = grace => {}
    }
    tracing::info!(
        activities = shared.attempts().len(),
        "the grace period is over; running activities are released for other workers"
    );
    shared.stopping.cancel();
    tracker.wait().await;
}

async fn give_everything_back(shared: &Shared) {
    let now = shared.clock.now();
    let rescue = RescueWorkflowTasks { now, which: Rescue::Worker(shared.worker_id) };
    let farewell = RemoveWorkers::Stopped(shared.worker_id);
    match shared.store.write(rescue).await {
        Ok(rescued) => {
            for queue in rescued.queues {
                let hint = QueueHint { kind: TaskKind::Workflow, due: now };
                hint::publish_queue(&*shared.bus, &shared.namespace, &TaskQueue::trusted(queue), hint);
            }
        }
        Err(error) => {
            tracing::warn!(error = %chain(&error), "runs could not be released; other workers take them when their leases expire");
        }
    }
    if let Err(error) = shared.store.write(farewell).await {
        tracing::warn!(error = %chain(&error), "the worker could not be removed from the list of workers; it expires there");
    }
}

fn registration(shared: &Shared) -> RegisterWorker {
    let now = shared.clock.now();
    let json =
        |names: Vec<&str>| serde_json::to_string(&names).expect("a list of strings serializes to JSON");
    let registry = &shared.registry;
    let workflows: Vec<&str> = registry.workflows().map(|workflow| workflow.workflow_type.as_str()).collect();
    let types = registry
        .workflows()
        .map(|workflow| ctutor_entity::workflow_type::Model {
            namespace: shared.namespace.to_string(),
            name: workflow.workflow_type.to_string(),
            description: workflow.description.to_owned(),
            task_queue: workflow.options.task_queue.to_string(),
            execution_timeout_ms: workflow.options.execution_timeout.map(millis),
            input_schema: workflow.input_schema.to_string(),
            result_schema: workflow.result_schema.to_string(),
            updated_at_ms: now.0,
        })
        .collect();
    let worker = ctutor_entity::worker::Model {
        worker_id: shared.worker_id.0,
        namespace: shared.namespace.to_string(),
        identity: shared.options.identity.clone(),
        build_id: shared.options.build_id.clone(),
        task_queues: json(shared.options.task_queues.iter().map(TaskQueue::as_str).collect()),
        workflow_types: json(workflows),
        activity_types: json(registry.activity_types().map(crate::ids::ActivityType::as_str).collect()),
        slots: i32::try_from(shared.options.activity_slots).unwrap_or(i32::MAX),
        slots_used: 0,
        draining: false,
        started_at_ms: now.0,
        last_seen_at_ms: now.0,
        lease_expires_at_ms: None,
        takeover_ends_at_ms: None,
        clock_offset_ms: shared.clock.offset().map(|offset| offset.ahead_ms),
    };
    RegisterWorker { worker, types, lasts: shared.options.lease_duration }
}
