use std::time::Duration;

use crate::ids::TaskQueue;

/// Default task queue.
pub const DEFAULT_TASK_QUEUE: &str = "computor-tasks";

/// Queue and timeouts of a workflow type.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowOptions {
    /// Task queue, which a start can override.
    pub task_queue: TaskQueue,
    /// Execution timeout, which a start can override.
    pub execution_timeout: Option<Duration>,
}

impl Default for WorkflowOptions {
    /// The default queue, and one hour: what the course system gives every workflow that says nothing else.
    fn default() -> Self {
        Self {
            task_queue: TaskQueue::trusted(DEFAULT_TASK_QUEUE),
            execution_timeout: Some(Duration::from_secs(3600)),
        }
    }
}
