//! Eager starts: a run that may begin at once goes to a worker of the same process, without a trip through its queue.
//!
//! The transaction that accepts the run names the worker as its holder, just as a claim would; when it has been
//! committed, the run is handed over in memory. If it is not, for whatever reason, the row is like that of a claim
//! whose answer was lost: the worker finds it at its renewals and gives it back, and if the worker is dead, others
//! take it when the lease has ended.
//!
//! A worker for whose queues more is due than it can take is passed over: what waits comes first, by priority.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc;

use super::shared::Shared;
use crate::{
    clock::Timestamp,
    ids::{TaskQueue, WorkerId, WorkflowType},
    store::{ClaimedWorkflowTask, LoadedRun, TaskKind},
};

/// A run that a worker holds since its start.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) task: ClaimedWorkflowTask,
    pub(super) run: LoadedRun,
    /// Counts until the run is at hand.
    pub(super) reservation: Reservation,
}

/// A run that is about to come.
#[derive(Debug)]
pub(super) struct Reservation(Arc<AtomicUsize>);

/// The workers of this process that take new runs. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocalWorkers(Arc<Mutex<HashMap<WorkerId, Door>>>);

#[derive(Debug)]
struct Door {
    shared: Arc<Shared>,
    intake: mpsc::UnboundedSender<Begun>,
    reserved: Arc<AtomicUsize>,
}

/// A worker takes new runs as long as it has this.
#[derive(Debug)]
pub(super) struct Membership {
    workers: LocalWorkers,
    worker_id: WorkerId,
}

/// A place for one run at a worker.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) worker_id: WorkerId,
    pub(crate) lease_expires_at: Timestamp,
    intake: mpsc::UnboundedSender<Begun>,
    reservation: Reservation,
}

impl LocalWorkers {
    /// Lets a worker take new runs. The receiver ends when the membership has ended and every place that was
    /// given until then is filled or given up.
    pub(super) fn join(&self, shared: &Arc<Shared>) -> (Membership, mpsc::UnboundedReceiver<Begun>) {
        let (intake, begun) = mpsc::unbounded_channel();
        let door = Door { shared: shared.clone(), intake, reserved: Arc::default() };
        self.doors().insert(shared.worker_id, door);
        (Membership { workers: self.clone(), worker_id: shared.worker_id }, begun)
    }

    /// A place at a worker that serves the queue and knows the type, if one has room.
    pub(crate) fn place(&self, task_queue: &TaskQueue, workflow_type: &WorkflowType) -> Option<Place> {
        let doors = self.doors();
        let door = doors.values().find(|door| door.takes(task_queue, workflow_type))?;
        door.reserved.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            worker_id: door.shared.worker_id,
            lease_expires_at: door.shared.lease_end(),
            intake: door.intake.clone(),
            reservation: Reservation(door.reserved.clone()),
        })
    }

    fn doors(&self) -> MutexGuard<'_, HashMap<WorkerId, Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    fn takes(&self, task_queue: &TaskQueue, workflow_type: &WorkflowType) -> bool {
        let shared = &self.shared;
        shared.options.task_queues.contains(task_queue)
            && shared.registry.find_workflow(workflow_type).is_some()
            && !shared.due.is_starved(TaskKind::Workflow)
            && shared.runs().len() + self.reserved.load(Ordering::Relaxed) < shared.options.runs_max
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.workers.doors().remove(&self.worker_id);
    }
}

impl Place {
    /// Hands over a run whose start has been committed with this place's worker as its holder.
    pub(crate) fn fill(self, task: ClaimedWorkflowTask, run: LoadedRun) {
        // The worker may have died meanwhile; then the lease tells.
        let _ = self.intake.send(Begun { task, run, reservation: self.reservation });
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
