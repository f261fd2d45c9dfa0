//! The engine as callers see it: start, stop, read and watch workflow executions.

mod eager;
mod error;
mod input_check;
mod input_words;
mod start;
mod stop;
mod types;
mod wait;
mod watch;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub use crate::model::*;
pub(crate) use eager::{Acceptance, EagerSlot, EagerStarts};
pub use error::{StartError, StartField, StopError};
pub use watch::WatchError;

use crate::{
    clock::Clock,
    history::{EventType, HistoryEvent},
    ids::{EventId, Namespace, RunId},
    notify::{Bus, Health},
    store::{self, Store},
};
use types::TypeCache;

#[cfg(test)]
mod tests;

/// Bounds on what callers may send and ask for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum size of an input, a memo or the search attributes.
    pub payload_size_bytes_max: usize,
    /// Maximum number of items of a page.
    pub page_items_max: u32,
    /// Maximum number of events of a page.
    pub history_page_items_max: u32,
    /// A worker that was not seen for this long counts as lost.
    pub worker_seen_within: Duration,
    /// How often a watched run is read even without hints.
    pub watch_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_size_bytes_max: crate::payload::SIZE_BYTES_MAX,
            page_items_max: 1_000,
            history_page_items_max: 500,
            worker_seen_within: Duration::from_secs(10),
            watch_interval: Duration::from_secs(2),
        }
    }
}

/// The engine as callers see it. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Client {
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    namespace: Namespace,
    limits: Arc<Limits>,
    types: Arc<TypeCache>,
    eager_starts: Arc<dyn EagerStarts>,
}

impl Client {
    pub(crate) fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        namespace: Namespace,
        limits: Arc<Limits>,
        eager_starts: Arc<dyn EagerStarts>,
    ) -> Self {
        Self { store, bus, clock, namespace, limits, types: Arc::default(), eager_starts }
    }

    /// The namespace that it works in.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The clock that it uses.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A run, or `None` if there is none or the caller may not see it.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn describe(
        &self,
        caller: &Caller,
        target: &WorkflowTarget,
    ) -> Result<Option<WorkflowExecution>, store::Error> {
        self.store.execution(&self.namespace, caller, target).await
    }

    /// The runs of a list that exist and that the caller may see.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn describe_many(
        &self,
        caller: &Caller,
        run_ids: &[RunId],
    ) -> Result<HashMap<RunId, WorkflowExecution>, store::Error> {
        self.store.executions(&self.namespace, caller, run_ids).await
    }

    /// A page of the runs that the caller may see, with at most [`Limits::page_items_max`] items.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &WorkflowFilter,
        order: WorkflowOrder,
        page: &PageRequest,
    ) -> Result<Page<WorkflowExecution>, store::Error> {
        let page = PageRequest { items: page.items.min(self.limits.page_items_max), ..page.clone() };
        self.store.list_executions(&self.namespace, caller, filter, order, &page).await
    }

    /// A run with what it waits for, or `None` when there is none or the caller may not see it.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn waiter(
        &self,
        caller: &Caller,
        target: &WorkflowTarget,
    ) -> Result<Option<Waiter>, store::Error> {
        self.store.waiter(&self.namespace, caller, target).await
    }

    /// A page of the runs that the caller may see, with what they wait for; as long as one of [`Client::list`].
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn list_waiters(
        &self,
        caller: &Caller,
        filter: &WorkflowFilter,
        order: WorkflowOrder,
        page: &PageRequest,
    ) -> Result<Page<Waiter>, store::Error> {
        let page = PageRequest { items: page.items.min(self.limits.page_items_max), ..page.clone() };
        self.store.list_waiters(&self.namespace, caller, filter, order, &page).await
    }

    /// Number of runs that the caller may see; counting stops at `at_most`.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn count(
        &self,
        caller: &Caller,
        filter: &WorkflowFilter,
        at_most: u32,
    ) -> Result<u32, store::Error> {
        self.store.count_executions(&self.namespace, caller, filter, at_most).await
    }

    /// Events of a run after a position, oldest first. The caller must have been shown the run before.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn history(
        &self,
        run_id: RunId,
        after: EventId,
        items: u32,
        types: &[EventType],
    ) -> Result<Vec<HistoryEvent>, store::Error> {
        self.store.history(run_id, after, u64::from(items), types).await
    }

    /// All activities of a run, in the order of scheduling. The caller must have been shown the run before.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn activities(&self, run_id: RunId) -> Result<Vec<Activity>, store::Error> {
        self.store.activities(run_id).await
    }

    /// The open activities of some runs. The caller must have been shown the runs before.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn pending_activities(&self, run_ids: &[RunId]) -> Result<Vec<Activity>, store::Error> {
        self.store.pending_activities(run_ids).await
    }

    /// The workflow task of a run if it keeps failing.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn blocked_workflow_task(
        &self,
        run_id: RunId,
    ) -> Result<Option<BlockedWorkflowTask>, store::Error> {
        self.store.blocked_workflow_task(run_id).await
    }

    /// The live workers, oldest first.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, store::Error> {
        let within = self.limits.worker_seen_within;
        self.store.workers(&self.namespace, within, self.clock.now()).await
    }

    /// The queues that have tasks or workers, by name.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn task_queues(&self) -> Result<Vec<TaskQueueInfo>, store::Error> {
        let now = self.clock.now();
        self.store.task_queues(&self.namespace, now, self.limits.worker_seen_within).await
    }

    /// The registered workflow types, by name.
    ///
    /// # Errors
    /// [`store::Error`].
    pub async fn workflow_types(&self) -> Result<Vec<WorkflowTypeInfo>, store::Error> {
        self.store.workflow_types(&self.namespace).await
    }

    /// Whether the database answers, has the tables of this version, and takes writes.
    ///
    /// # Errors
    /// [`store::Error`] if it does not.
    pub async fn ready(&self) -> Result<(), store::Error> {
        self.store.ready(self.clock.now()).await?;
        self.store.history(RunId(uuid::Uuid::nil()), 0, 1, &[]).await.map(|_| ())
    }

    /// Whether the bus is connected.
    #[must_use]
    pub fn bus_connected(&self) -> bool {
        self.bus.health() == Health::Connected
    }
}
