//! Eager starts: a run that may start at once goes to a worker of the same process, without waiting on its task queue.
//!
//! The run is handed over in memory before it is accepted. Its runner activates the code, and queues the start, which
//! names the worker as its holder just as a claim would, and right behind it the first step, which falls into the same
//! transaction. Nothing of that step happens unless it was committed, so a start that is refused leaves no trace. A
//! row without a runner is like that of a claim whose response was lost: the worker finds it when it renews its leases
//! and releases it, and if the worker is dead, others take it when the lease has ended.
//!
//! A worker with more due tasks than free slots gets no eager starts: waiting tasks come first, by priority.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::worker::shared::Shared;
use crate::{
    client::{Acceptance, EagerSlot, EagerStarts},
    ids::{TaskQueue, WorkerId, WorkflowType},
    store::{ClaimedWorkflowTask, LoadedRun, TaskKind},
};

/// A run that a worker holds from its start.
#[derive(Debug)]
pub(in crate::worker) struct Begun {
    pub(in crate::worker) task: ClaimedWorkflowTask,
    pub(in crate::worker) run: LoadedRun,
    pub(in crate::worker) acceptance: Acceptance,
    /// Counts until the run is in memory.
    pub(in crate::worker) reservation: Reservation,
}

/// A slot that is reserved for a run.
#[derive(Debug)]
pub(in crate::worker) struct Reservation(Arc<AtomicUsize>);

/// The workers of this process that take new runs. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocalWorkers(Arc<Mutex<HashMap<WorkerId, Intake>>>);

#[derive(Debug)]
struct Intake {
    shared: Arc<Shared>,
    sender: mpsc::UnboundedSender<Begun>,
    reserved: Arc<AtomicUsize>,
}

/// While it exists, the worker takes new runs.
#[derive(Debug)]
pub(in crate::worker) struct Membership {
    workers: LocalWorkers,
    worker_id: WorkerId,
}

impl LocalWorkers {
    /// Lets a worker take new runs. The receiver ends when the membership has ended and every slot that was
    /// reserved until then is filled or dropped.
    pub(in crate::worker) fn join(
        &self,
        shared: &Arc<Shared>,
    ) -> (Membership, mpsc::UnboundedReceiver<Begun>) {
        let (sender, begun) = mpsc::unbounded_channel();
        let intake = Intake { shared: shared.clone(), sender, reserved: Arc::default() };
        self.intakes().insert(shared.worker_id, intake);
        (Membership { workers: self.clone(), worker_id: shared.worker_id }, begun)
    }

    fn intakes(&self) -> MutexGuard<'_, HashMap<WorkerId, Intake>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EagerStarts for LocalWorkers {
    fn reserve(&self, task_queue: &TaskQueue, workflow_type: &WorkflowType) -> Option<EagerSlot> {
        let intakes = self.intakes();
        let intake = intakes.values().find(|intake| intake.takes(task_queue, workflow_type))?;
        intake.reserved.fetch_add(1, Ordering::Relaxed);
        let (sender, reservation) = (intake.sender.clone(), Reservation(intake.reserved.clone()));
        Some(EagerSlot {
            worker_id: intake.shared.worker_id,
            // The worker may have died meanwhile; then the lease tells.
            hand_over: Box::new(move |task, run, acceptance| {
                drop(sender.send(Begun { task, run, acceptance, reservation }));
            }),
        })
    }
}

impl Intake {
    fn takes(&self, task_queue: &TaskQueue, workflow_type: &WorkflowType) -> bool {
        let shared = &self.shared;
        shared.options.task_queues.contains(task_queue)
            && shared.registry.find_workflow(workflow_type).is_some()
            && !shared.due.is_starved(TaskKind::Workflow)
            && shared.holds_lease()
            && shared.runs().len() + self.reserved.load(Ordering::Relaxed) < shared.options.runs_max
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.workers.intakes().remove(&self.worker_id);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
