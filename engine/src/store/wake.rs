use crate::ids::{TaskQueue, WorkerId};

/// Whom a commit gives something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The worker that holds the run.
    Worker(WorkerId),
    /// Whoever serves the queue.
    Queue(TaskQueue),
}

impl Wake {
    pub(super) fn of(owner: Option<WorkerId>, task_queue: &str) -> Self {
        owner.map_or_else(|| Self::Queue(TaskQueue::trusted(task_queue)), Self::Worker)
    }
}
