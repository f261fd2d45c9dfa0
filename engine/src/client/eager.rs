use std::fmt;

use crate::{
    clock::Timestamp,
    ids::{TaskQueue, WorkerId, WorkflowType},
    store::{ClaimedWorkflowTask, LoadedRun},
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
    pub(crate) lease_expires_at: Timestamp,
    /// Hands over the run when its start was committed.
    pub(crate) hand_over: Box<dyn FnOnce(ClaimedWorkflowTask, LoadedRun) + Send>,
}
