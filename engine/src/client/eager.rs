use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::{
    ids::{TaskQueue, WorkerId, WorkflowType},
    store::{self, ClaimedWorkflowTask, LoadedRun, Outcome, Start, StartOutput, Step, StepOutput, Store},
};

/// The workers of this process, as far as they take runs that need not wait on their task queue.
pub(crate) trait EagerStarts: fmt::Debug + Send + Sync {
    /// Reserves a slot at a worker that serves the queue and knows the type, if one is free.
    fn reserve(&self, task_queue: &TaskQueue, workflow_type: &WorkflowType) -> Option<EagerSlot>;
}

/// A slot that is reserved for one run; dropping it frees the slot.
pub(crate) struct EagerSlot {
    /// Whom the accepted start names as the holder of the run.
    pub(crate) worker_id: WorkerId,
    /// Hands over the run, which its worker writes together with its first step.
    pub(crate) hand_over: Box<dyn FnOnce(ClaimedWorkflowTask, LoadedRun, Acceptance) + Send>,
}

/// A start that is still to be written: by the worker, together with the first step, or by the caller if the worker takes
/// too long. Who comes first queues it.
#[derive(Debug, Clone)]
pub(crate) struct Acceptance(Arc<Mutex<Option<Unwritten>>>);

struct Unwritten {
    start: Start,
    answer: oneshot::Sender<Result<Accepting, store::Error>>,
}

/// A start that is being written.
pub(super) type Accepting = Outcome<StartOutput>;

impl Acceptance {
    pub(super) fn new(start: Start, answer: oneshot::Sender<Result<Accepting, store::Error>>) -> Self {
        Self(Arc::new(Mutex::new(Some(Unwritten { start, answer }))))
    }

    /// Queues the start, if nobody has yet.
    pub(crate) fn queue(&self, store: &Store) {
        if let Some(Unwritten { start, answer }) = self.take() {
            let output = store.try_enqueue(start).map(FutureExt::boxed);
            // Whoever asked may have gone away.
            drop(answer.send(output));
        }
    }

    /// Queues the start, if nobody has yet, in one transaction with the first step, and returns the outcome of the step.
    pub(crate) async fn queue_with(
        &self,
        store: &Store,
        step: Step,
    ) -> Result<Outcome<StepOutput>, store::Error> {
        let Some(Unwritten { start, answer }) = self.take() else {
            return store.enqueue(step).await.map(FutureExt::boxed);
        };
        match store.try_enqueue_both(start, step) {
            Ok((accepting, output)) => {
                drop(answer.send(Ok(accepting)));
                Ok(output)
            }
            Err(error) => {
                drop(answer.send(Err(error.clone())));
                Err(error)
            }
        }
    }

    fn take(&self) -> Option<Unwritten> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwritten").field("start", &self.start).finish_non_exhaustive()
    }
}
