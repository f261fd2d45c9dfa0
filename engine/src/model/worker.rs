//! Workers, their queues and their types.

use std::time::Duration;

use crate::{
    clock::{ClockOffset, Timestamp},
    ids::{ActivityType, TaskQueue, WorkerId, WorkflowType},
};

/// A process that runs tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerInfo {
    /// The process.
    pub worker_id: WorkerId,
    /// Its name for people.
    pub identity: String,
    /// The version that it runs.
    pub build_id: String,
    /// The queues that it serves.
    pub task_queues: Vec<TaskQueue>,
    /// The workflow types that it knows.
    pub workflow_types: Vec<WorkflowType>,
    /// The activity types that it knows.
    pub activity_types: Vec<ActivityType>,
    /// Most activities at once.
    pub slots: u32,
    /// Activities now.
    pub slots_used: u32,
    /// Takes no new tasks.
    pub draining: bool,
    /// Came.
    pub started_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
    /// Milliseconds by which the clock of its machine is ahead of that of the database, if they were compared.
    pub clock_offset_ms: Option<i64>,
}

impl WorkerInfo {
    /// How far the clock of its machine is from that of the database; `None` if its version does not compare them.
    #[must_use]
    pub fn clock_offset(&self) -> Option<ClockOffset> {
        let offset = |ahead_ms| ClockOffset { ahead_ms, ..ClockOffset::default() };
        self.clock_offset_ms.map(offset)
    }
}

/// A queue, as its rows say.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskQueueInfo {
    /// Its name.
    pub name: TaskQueue,
    /// Tasks that wait for a worker and are due.
    pub backlog: i64,
    /// Since when the oldest of them waits.
    pub oldest_since: Option<Timestamp>,
    /// Tasks that a worker has.
    pub running: i64,
    /// Live workers that serve it.
    pub workers: i64,
}

/// A registered workflow type.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowTypeInfo {
    /// Its name.
    pub name: WorkflowType,
    /// What it is for.
    pub description: String,
    /// Where its tasks go unless the start says otherwise.
    pub task_queue: TaskQueue,
    /// Longest run unless the start says otherwise.
    pub execution_timeout: Option<Duration>,
    /// JSON Schema of what it takes.
    pub input_schema: serde_json::Value,
    /// JSON Schema of what it returns.
    pub result_schema: serde_json::Value,
}
