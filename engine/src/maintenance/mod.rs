//! Maintenance: duties that need no worker.
//!
//! Every process runs it. The writes are fenced, so that what two processes find is done once.
//!
//! | duty | why |
//! | --- | --- |
//! | [`lost_activities`] and the release of runs | other workers take over what a lost worker held |
//! | [`lost_activities`] | an activity that no worker took in time times out |
//! | [`overdue_runs`] | a run that exceeds its execution timeout is closed, even if no worker serves its task queue |
//! | [`old_requests`] | idempotency keys are kept for 24 hours |
//! | [`lost_workers`] | lost workers are logged |
//! | [`unserved_tasks`] | tasks that no live worker can take are logged |

mod lost_activities;
mod lost_workers;
mod old_requests;
mod overdue_runs;
mod unserved_tasks;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use lost_workers::LostWorkers;
use unserved_tasks::Unserved;

use crate::{
    chain,
    clock::{Clock, Timestamp},
    hint::{self, QueueHint},
    ids::{Namespace, RunId, TaskQueue},
    log::RunOf,
    notify::Bus,
    store::{self, Rescue, RescueWorkflowTasks, RunNames, Store, TaskKind},
};

/// Intervals of maintenance.
#[derive(Debug, Clone)]
pub struct MaintenanceOptions {
    /// Between two looks for lost workers and overdue runs.
    pub interval: Duration,
    /// Between two sweeps of what is kept for days.
    pub sweep_interval: Duration,
    /// Between two looks for tasks that no live worker can take, and for workers that are not seen.
    pub unserved_interval: Duration,
    /// How long a task waits without a worker before that is logged.
    pub unserved_after: Duration,
    /// A worker that was not seen for this long counts as lost.
    pub worker_seen_within: Duration,
    /// How long idempotency keys are kept.
    pub request_retention: Duration,
    /// How long the row of a worker that was lost is kept.
    pub worker_retention: Duration,
}

impl Default for MaintenanceOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            sweep_interval: Duration::from_secs(600),
            unserved_interval: Duration::from_secs(5),
            unserved_after: Duration::from_secs(10),
            worker_seen_within: Duration::from_secs(10),
            request_retention: Duration::from_secs(24 * 3600),
            worker_retention: Duration::from_secs(60),
        }
    }
}

/// The maintenance of one process.
#[derive(Debug)]
pub struct Service {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) namespace: Namespace,
    pub(crate) options: MaintenanceOptions,
}

impl Service {
    /// Runs until `shutdown`. Failures are logged and retried.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut lost_workers = LostWorkers::default();
        if self.store.is_exclusive() {
            // No other process can use this database, so workers of other processes that hold leases are dead.
            self.log("taking over from the process before", self.rescue(Scope::All, &mut lost_workers).await);
        }
        let mut next_sweep = self.clock.now();
        let mut unserved = Unserved::default();
        while !shutdown.is_cancelled() {
            self.log("looking for lost workers", self.rescue(Scope::Expired, &mut lost_workers).await);
            self.log("looking for workers that are not seen", lost_workers.look(&self).await);
            self.log("ending overdue runs", overdue_runs::end(&self).await);
            self.log("looking for tasks without a worker", unserved.look(&self).await);
            let now = self.clock.now();
            if now >= next_sweep {
                self.log("forgetting old requests", old_requests::forget(&self).await);
                next_sweep = now + self.options.sweep_interval;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.clock.sleep_until(now + self.options.interval) => {}
            }
        }
    }

    async fn rescue(&self, scope: Scope, lost_workers: &mut LostWorkers) -> Result<(), store::Error> {
        let which = match scope {
            Scope::Expired => Rescue::Expired,
            Scope::All => Rescue::AllExcept(self.store.local_workers()),
        };
        let now = self.clock.now();
        let (as_of, alive) = match scope {
            Scope::Expired => (now, Vec::new()),
            Scope::All => (Timestamp::NEVER, self.store.local_workers()),
        };
        let held = only_for_the_log(self.store.runs_of_lost_workers(as_of, &alive).await);
        let queues = self.store.write(RescueWorkflowTasks { now, which }).await?;
        // Another process may have taken them between the two statements, and reports the loss then.
        let runs = if queues.is_empty() { BTreeMap::new() } else { held };
        for queue in queues {
            let hint = QueueHint { kind: TaskKind::Workflow, due: self.clock.now() };
            hint::publish_queue(&*self.bus, &self.namespace, &TaskQueue::trusted(queue), hint);
        }
        let activities = lost_activities::end(self, scope).await?;
        lost_workers.released(self, &runs, &activities).await
    }

    /// What some runs are called, for the log.
    async fn names(&self, runs: &[RunId]) -> HashMap<RunId, RunNames> {
        only_for_the_log(self.store.run_names(&self.namespace, runs).await)
    }

    fn run_of<'a>(&'a self, run_id: RunId, names: &'a RunNames) -> RunOf<'a> {
        RunOf {
            namespace: &self.namespace,
            workflow_id: &names.workflow_id,
            workflow_type: &names.workflow_type,
            run_id,
        }
    }

    fn log(&self, what: &str, result: Result<(), store::Error>) {
        if let Err(error) = result {
            tracing::warn!(error = %chain(&error), "{what} failed; it is retried");
        }
    }
}

/// What was read for a log line: without it the line is missing, and nothing else.
fn only_for_the_log<T: Default>(read: Result<T, store::Error>) -> T {
    read.unwrap_or_else(|error| {
        tracing::debug!(error = %chain(&error), "what a log line tells could not be read");
        T::default()
    })
}

/// Whose tasks are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Tasks with an expired lease.
    Expired,
    /// All tasks that no worker of this process holds.
    All,
}
