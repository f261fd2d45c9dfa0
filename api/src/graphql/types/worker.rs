use std::sync::Arc;

use async_graphql::{Description, ID, Object};
use ctutor_engine::{client::WorkerInfo, clock::ClockOffset, ids};

use crate::graphql::{id::NodeId, scalar::DateTime};

/// A process that runs workflow and activity code.
#[derive(Debug, Clone, Description)]
pub struct Worker(Arc<WorkerInfo>);

#[Object(use_type_description)]
impl Worker {
    /// Global ID of the worker.
    pub async fn id(&self) -> ID {
        NodeId::Worker(self.0.worker_id).into()
    }

    /// Name of the worker, chosen by its process.
    async fn identity(&self) -> &str {
        &self.0.identity
    }

    /// ID of the build that the worker runs.
    async fn build_id(&self) -> Option<&str> {
        Some(self.0.build_id.as_str()).filter(|build_id| !build_id.is_empty())
    }

    /// Names of the task queues that the worker serves.
    async fn task_queues(&self) -> Vec<&str> {
        self.0.task_queues.iter().map(ids::TaskQueue::as_str).collect()
    }

    /// Workflow types that the worker can run.
    async fn types(&self) -> Vec<&str> {
        self.0.workflow_types.iter().map(ids::WorkflowType::as_str).collect()
    }

    /// Activity types that the worker can run.
    async fn activity_types(&self) -> Vec<&str> {
        self.0.activity_types.iter().map(ids::ActivityType::as_str).collect()
    }

    /// Maximum number of activities that run at the same time.
    async fn slots(&self) -> u32 {
        self.0.slots
    }

    /// Number of activities that are running now.
    async fn slots_used(&self) -> u32 {
        self.0.slots_used
    }

    /// When the worker registered (UTC).
    async fn started_at(&self) -> DateTime {
        self.0.started_at.into()
    }

    /// When the server last heard from the worker (UTC).
    async fn last_seen_at(&self) -> DateTime {
        self.0.last_seen_at.into()
    }

    /// Seconds by which the clock of the worker's machine is ahead of the clock of the database; negative when it is
    /// behind. `null` if the worker has not compared them. Offsets of more than 1 s should be corrected by NTP: ctutor
    /// keeps time by the database, but log lines and activities that ask their machine do not.
    async fn clock_offset_seconds(&self) -> Option<f64> {
        self.0.clock_offset().map(ClockOffset::seconds)
    }

    /// Whether the worker is shutting down and takes no new tasks.
    async fn draining(&self) -> bool {
        self.0.draining
    }
}

impl Worker {
    /// The view of the engine.
    pub(in crate::graphql) fn get(&self) -> &WorkerInfo {
        &self.0
    }

    /// Its place in lists of workers, which are sorted by age.
    pub(in crate::graphql) fn place(&self) -> (i64, String) {
        (self.0.started_at.0, self.0.worker_id.to_string())
    }
}

impl From<WorkerInfo> for Worker {
    fn from(info: WorkerInfo) -> Self {
        Self(Arc::new(info))
    }
}
