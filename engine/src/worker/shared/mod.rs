//! State that the rooms of a worker share.

mod at_hand;
mod at_most_once;
mod due;
mod standstill;
mod watchdog;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use at_hand::{AttemptHandle, Input, RunEntry};
pub(super) use due::Kinds;
pub(super) use standstill::{Attempt, Found};

use super::options::WorkerOptions;
use at_most_once::AtMostOnce;
use due::Due;
use standstill::{AtHand, Standstill};
use watchdog::Watchdog;

use crate::{
    activity::Resources,
    clock::{Clock, Timestamp},
    hint,
    ids::{ActivityType, EventId, Namespace, RunId, WorkerId, WorkflowType},
    notify::Bus,
    registry::Registry,
    store::{Store, TaskKind, Wake},
};

pub(super) struct Shared {
    pub(super) worker_id: WorkerId,
    pub(super) store: Store,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) namespace: Namespace,
    pub(super) registry: Registry,
    pub(super) resources: Arc<Resources>,
    pub(super) options: WorkerOptions,
    /// What the poller should claim.
    pub(super) due: Due,
    /// Canceled when the worker takes no new tasks and releases waiting runs.
    pub(super) draining: CancellationToken,
    /// Canceled when running activities are stopped.
    pub(super) stopping: CancellationToken,
    slots: Arc<Semaphore>,
    runs: Mutex<HashMap<RunId, RunEntry>>,
    attempts: Mutex<HashMap<(RunId, EventId), AttemptHandle>>,
    /// Uptime at which the lease of the worker ends if it is not renewed.
    lease_ends: Mutex<Duration>,
    /// What was found of the last time that this process stood still.
    standstill: Mutex<Standstill>,
    serials: AtomicU64,
    /// Incremented when a claim starts and when it ends, so it is odd during a claim.
    claims: AtomicU64,
    pub(super) watchdog: Watchdog,
    pub(super) at_most_once: AtMostOnce,
    /// The activities whose changed inputs were logged; bounded by the types that the code has.
    changed_inputs: Mutex<HashSet<(WorkflowType, ActivityType)>>,
}

impl Shared {
    pub(super) fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        namespace: Namespace,
        registry: Registry,
        options: WorkerOptions,
    ) -> Self {
        let (registry, resources) = registry.into_parts();
        let standstill =
            Standstill::new(clock.uptime(), options.lease_renewal_interval, options.lease_duration);
        Self {
            worker_id: WorkerId::new(),
            store,
            bus,
            clock,
            namespace,
            registry,
            resources,
            watchdog: Watchdog::new(options.deadlock_timeout),
            slots: Arc::new(Semaphore::new(options.activity_slots)),
            options,
            due: Due::default(),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
            runs: Mutex::default(),
            attempts: Mutex::default(),
            lease_ends: Mutex::default(),
            standstill: Mutex::new(standstill),
            serials: AtomicU64::new(0),
            claims: AtomicU64::new(0),
            at_most_once: AtMostOnce::default(),
            changed_inputs: Mutex::default(),
        }
    }

    /// Starts a task that the worker waits for before it stops, counted as in flight whenever it does not wait itself.
    pub(super) fn spawn(&self, tracker: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        // The count includes telling the tracker that the task is gone.
        tokio::spawn(self.clock.busy().track(tracker.track_future(task)));
    }

    /// A number that no other attempt of this process has.
    pub(super) fn next_serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    /// A claim starts or ends. During a claim, rows may name this worker before it knows.
    pub(super) fn mark_claim(&self) {
        self.claims.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn claims(&self) -> u64 {
        self.claims.load(Ordering::SeqCst)
    }

    /// A slot for an activity, if one is free.
    pub(super) fn try_slot(&self) -> Option<OwnedSemaphorePermit> {
        self.slots.clone().try_acquire_owned().ok()
    }

    pub(super) fn slots_free(&self) -> usize {
        self.slots.available_permits()
    }

    /// The lease was renewed by a statement that was asked for at this uptime, or later.
    pub(super) fn renewed(&self, asked_at: Duration) {
        let held = self.holds_lease();
        *self.lease_ends.lock().unwrap_or_else(PoisonError::into_inner) =
            asked_at + self.options.lease_duration;
        if !held {
            self.due.look_for(TaskKind::Workflow);
            self.due.look_for(TaskKind::Activity);
        }
    }

    /// Whether the lease lasts, as far as this process knows: the database may have given it some milliseconds more.
    pub(super) fn holds_lease(&self) -> bool {
        self.clock.uptime() < *self.lease_ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn runs(&self) -> MutexGuard<'_, HashMap<RunId, RunEntry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, HashMap<(RunId, EventId), AttemptHandle>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an input to the runner of a run, if the run is in memory.
    pub(super) fn tell(&self, run_id: RunId, input: Input) -> Result<(), Input> {
        let inputs = self.runs().get(&run_id).map(|entry| entry.inputs.clone());
        match inputs {
            Some(inputs) => inputs.send(input).map_err(|error| error.0),
            None => Err(input),
        }
    }

    /// Drops a run that was closed from outside, and its activities.
    pub(super) fn lose_run(&self, run_id: RunId) {
        // Its activities may be in this process even if the run is not.
        let _ = self.tell(run_id, Input::Lost);
        self.stop_attempts(run_id);
    }

    /// Drops the activities of a closed run.
    pub(super) fn stop_attempts(&self, run_id: RunId) {
        for ((of, _), attempt) in self.attempts().iter() {
            if *of == run_id {
                attempt.lost.cancel();
            }
        }
    }

    /// The row of a run names this worker: from now on a renewal that does not find it has lost it.
    pub(super) fn is_durable(&self, run_id: RunId, epoch: i64) {
        if let Some(entry) = self.runs().get_mut(&run_id)
            && entry.epoch == epoch
        {
            entry.since = entry.since.min(self.clock.uptime());
        }
    }

    /// Removes a run from memory, unless it was claimed again since.
    pub(super) fn forget_run(&self, run_id: RunId, epoch: i64) {
        let mut runs = self.runs();
        if runs.get(&run_id).is_some_and(|entry| entry.epoch == epoch) {
            runs.remove(&run_id);
        }
    }

    /// The build of the workflow code, as it is recorded; `None` if the worker was given no name for it.
    pub(super) fn build_id(&self) -> Option<String> {
        Some(self.options.build_id.clone()).filter(|build_id| !build_id.is_empty())
    }

    /// Whether this worker has not seen before that the workflow type changed the input of the activity type.
    pub(super) fn is_first_change(&self, workflow_type: &WorkflowType, activity_type: &ActivityType) -> bool {
        let mut seen = self.changed_inputs.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((workflow_type.clone(), activity_type.clone()))
    }

    /// Finds out whether the process stood still. Whatever may be the first to learn that something was lost calls this
    /// before, while it is still at hand.
    pub(super) fn look_for_standstill(&self) {
        self.standstill().look(self.clock.uptime(), || AtHand {
            runs: self.runs().iter().map(|(run_id, entry)| (*run_id, entry.lost.clone())).collect(),
            attempts: self
                .attempts()
                .iter()
                .map(|((run_id, _), attempt)| Attempt {
                    run_id: *run_id,
                    activity_type: attempt.activity_type.clone(),
                    number: attempt.number,
                    lost: attempt.lost.clone(),
                })
                .collect(),
        });
    }

    pub(super) fn standstill(&self) -> MutexGuard<'_, Standstill> {
        self.standstill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another worker has the run, or this one gives it up.
    pub(super) fn lost_run(&self, run_id: RunId, epoch: i64) {
        if let Some(entry) = self.runs().get(&run_id).filter(|entry| entry.epoch == epoch) {
            entry.lost.cancel();
        }
    }

    /// Tasks of the kind may be due at this time.
    pub(super) fn look_at(&self, at: Timestamp, kind: TaskKind) {
        if at <= self.clock.now() { self.due.look_for(kind) } else { self.due.look_at(at, kind) }
    }

    /// Wakes whom the end of an attempt concerns. Other workers get the hint; this worker does not need the bus.
    pub(super) fn wake(&self, run_id: RunId, wake: &Wake, due: Timestamp) {
        if let Wake::Queue(_, kind) = wake {
            self.look_at(due, *kind);
        }
        hint::publish_wake(&*self.bus, &self.namespace, run_id, wake, due);
    }

    /// Whether this worker takes activities of the queue and type.
    pub(super) fn serves_activity(&self, scheduled: &crate::history::ActivityTaskScheduled) -> bool {
        self.options.task_queues.contains(&scheduled.task_queue)
            && self.registry.find_activity(&scheduled.activity_type).is_some()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("worker_id", &self.worker_id).finish_non_exhaustive()
    }
}
