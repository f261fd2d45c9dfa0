use serde::{Deserialize, Serialize};

use crate::ids::{TaskQueue, WorkerId};

/// Which of the two kinds of tasks a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskKind {
    Workflow,
    Activity,
}

/// Whom a commit gives something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The worker that holds the run.
    Worker(WorkerId),
    /// Whoever serves the queue.
    Queue(TaskQueue, TaskKind),
}

impl Wake {
    /// A run has something to do.
    pub(super) fn of_run(owner: Option<WorkerId>, task_queue: &str) -> Self {
        owner.map_or_else(|| Self::Queue(TaskQueue::trusted(task_queue), TaskKind::Workflow), Self::Worker)
    }

    /// An activity waits for a worker.
    pub(super) fn of_activity(task_queue: &str) -> Self {
        Self::Queue(TaskQueue::trusted(task_queue), TaskKind::Activity)
    }
}
