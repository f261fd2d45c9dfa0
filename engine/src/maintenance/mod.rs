//! Maintenance: what must happen though no worker is at hand.
//!
//! Every process runs it; the writes are fenced, so two that find the same thing do it once.
//!
//! | duty | why |
//! | --- | --- |
//! | [`lost_activities`] and the rescue of runs | what a dead worker held is taken by others |
//! | [`lost_activities`] | an activity that nobody took in time times out |
//! | [`overdue_runs`] | a run that takes longer than it may is ended, even when no worker serves its queue |
//! | [`old_requests`] | idempotency keys are kept for a day |

mod lost_activities;
mod old_requests;
mod overdue_runs;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    hint::{self, QueueHint},
    ids::{Namespace, TaskQueue},
    notify::Bus,
    store::{self, Rescue, RescueWorkflowTasks, Store, TaskKind},
};

/// How often maintenance looks.
#[derive(Debug, Clone)]
pub struct MaintenanceOptions {
    /// Between two looks for lost workers and overdue runs.
    pub interval: Duration,
    /// Between two sweeps of what is kept for days.
    pub sweep_interval: Duration,
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
            request_retention: Duration::from_secs(24 * 3600),
            worker_retention: Duration::from_secs(60),
        }
    }
}

/// Maintenance, ready to run.
#[derive(Debug)]
pub struct Service {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) namespace: Namespace,
    pub(crate) options: MaintenanceOptions,
}

impl Service {
    /// Works until `shutdown`. Failures are logged and tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        if self.store.is_exclusive() {
            // Nobody else can work with this database, so whoever held leases and is not of this process is dead.
            self.log("taking over from the process before", self.rescue(Scope::All).await);
        }
        let mut next_sweep = self.clock.now();
        while !shutdown.is_cancelled() {
            self.log("looking for lost workers", self.rescue(Scope::Expired).await);
            self.log("ending overdue runs", overdue_runs::end(&self).await);
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

    async fn rescue(&self, scope: Scope) -> Result<(), store::Error> {
        let which = match scope {
            Scope::Expired => Rescue::Expired,
            Scope::All => Rescue::AllExcept(self.store.local_workers()),
        };
        let queues = self.store.write(RescueWorkflowTasks { now: self.clock.now(), which }).await?;
        for queue in queues {
            tracing::info!(task_queue = queue, "runs of a lost worker are handed to others");
            let hint = QueueHint { kind: TaskKind::Workflow, due: self.clock.now() };
            hint::publish_queue(&*self.bus, &self.namespace, &TaskQueue::trusted(queue), hint);
        }
        lost_activities::end(self, scope).await
    }

    fn log(&self, what: &str, result: Result<(), store::Error>) {
        if let Err(error) = result {
            tracing::warn!(error = &error as &dyn std::error::Error, "{what} failed; it is tried again");
        }
    }
}

/// Whose tasks are rescued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Those whose leases are over.
    Expired,
    /// All that no worker of this process holds.
    All,
}
