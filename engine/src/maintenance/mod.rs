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
//! | [`clocks`] | the clock of the process follows that of the server; a machine whose clock disagrees is logged |

mod clocks;
mod lost_activities;
mod lost_workers;
mod old_requests;
mod overdue_runs;
mod unserved_tasks;
mod watch;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use lost_workers::LostWorkers;
use unserved_tasks::Unserved;
use watch::Watch;

use crate::{
    chain,
    clock::{Clock, ServerClock, Timestamp},
    hint::{self, QueueHint},
    ids::{Namespace, RunId, TaskQueue, WorkerId},
    log::{RunOf, outage::Duty},
    notify::Bus,
    store::{self, Rescue, RescueWorkflowTasks, Rescued, RunNames, Store, TaskKind},
};

// The duties in the log lines of an outage.
const TAKE_OVER: Duty = Duty::repeated("taking over from the process before");
const LOST_WORKERS: Duty = Duty::repeated("looking for lost workers");
const UNSEEN_WORKERS: Duty = Duty::repeated("looking for workers that are not seen");
const OVERDUE_RUNS: Duty = Duty::repeated("ending overdue runs");
const UNSERVED_TASKS: Duty = Duty::repeated("looking for tasks without a worker");
const OLD_REQUESTS: Duty = Duty::repeated("forgetting old requests");

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
    /// The same clock, if it follows that of a server.
    pub(crate) server_clock: Option<ServerClock>,
    pub(crate) namespace: Namespace,
    pub(crate) options: MaintenanceOptions,
    /// A worker that was not seen for this long counts as lost, as callers are told.
    pub(crate) worker_seen_within: Duration,
}

impl Service {
    /// Runs until `shutdown`. Failures are logged and retried.
    pub fn run(self, shutdown: CancellationToken) -> impl Future<Output = ()> + Send {
        let busy = self.clock.busy();
        busy.track(async move {
            let compare = async {
                if let Some(clock) = &self.server_clock {
                    clocks::compare(&self.store, clock, self.options.interval, &shutdown).await;
                }
            };
            // Beside the others, which may wait for a lock.
            tokio::join!(compare, self.look_after(&shutdown));
        })
    }

    async fn look_after(&self, shutdown: &CancellationToken) {
        let mut lost_workers = LostWorkers::default();
        // What is left in an exclusive database when it is opened is of the process before.
        let mut takes_over = self.store.is_exclusive();
        let mut next_sweep = self.clock.uptime();
        let mut unserved = Unserved::default();
        let mut watch = Watch::new(self.worker_seen_within, self.options.interval, self.clock.uptime());
        while !shutdown.is_cancelled() {
            let now = self.clock.now();
            let is_sure = watch.is_sure(self.clock.uptime());
            let mut answers = Answers::default();
            if is_sure {
                let duty = if takes_over { TAKE_OVER } else { LOST_WORKERS };
                let rescued = self.rescue(now, &mut lost_workers).await;
                takes_over &= !answers.take(&self.told(duty, rescued).await);
                answers.take(&self.told(UNSEEN_WORKERS, lost_workers.look(self, now).await).await);
                answers.take(&self.told(UNSERVED_TASKS, unserved.look(self, now).await).await);
                if self.clock.uptime() >= next_sweep {
                    let swept = self.told(OLD_REQUESTS, old_requests::forget(self, now).await).await;
                    // What is left is swept in the next look.
                    if answers.take(&swept) && swept.is_ok_and(|all| all) {
                        next_sweep = self.clock.uptime() + self.options.sweep_interval;
                    }
                }
            } else if answers.take(&self.told(LOST_WORKERS, self.store.can_renew_leases(now).await).await) {
                // Nothing is taken from anybody yet. What is put off holds up no end of an outage.
                for duty in [TAKE_OVER, UNSEEN_WORKERS, UNSERVED_TASKS, OLD_REQUESTS] {
                    self.store.succeeded(duty, now);
                }
            }
            answers.take(&self.told(OVERDUE_RUNS, overdue_runs::end(self).await).await);
            watch.looked(answers.all_came, self.clock.uptime());
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.clock.sleep(self.options.interval) => {}
            }
        }
    }

    async fn rescue(&self, now: Timestamp, lost_workers: &mut LostWorkers) -> Result<(), store::Error> {
        let lost = self.store.lost_workers(now).await?;
        let rescued = if lost.is_empty() { Rescued::default() } else { self.take_over(lost, now).await? };
        let activities =
            lost_activities::end(self, &rescued.workers, now, &mut lost_workers.unreadable).await?;
        lost_workers.released(self, &rescued.runs, &activities).await
    }

    /// Takes the runs of lost workers, as far as no other process does.
    async fn take_over(&self, lost: Vec<WorkerId>, now: Timestamp) -> Result<Rescued, store::Error> {
        let is_exclusive = self.store.is_exclusive();
        let first = if is_exclusive { Rescue::Dead(lost) } else { Rescue::Lost(lost) };
        let mut rescued = self.store.write(RescueWorkflowTasks { now, which: first }).await?;
        while rescued.more {
            let rest = rescued.workers.clone();
            let which = if is_exclusive { Rescue::Dead(rest) } else { Rescue::Rest(rest) };
            let next = self.store.write(RescueWorkflowTasks { now, which }).await?;
            rescued.queues.extend(next.queues);
            for (worker_id, runs) in next.runs {
                *rescued.runs.entry(worker_id).or_default() += runs;
            }
            rescued.more = next.more;
        }
        for queue in &rescued.queues {
            let hint = QueueHint { kind: TaskKind::Workflow, due: self.clock.now() };
            hint::publish_queue(&*self.bus, &self.namespace, &TaskQueue::trusted(queue.clone()), hint);
        }
        Ok(rescued)
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

    /// Tells the log how a duty ended.
    async fn told<T>(&self, duty: Duty, result: Result<T, store::Error>) -> Result<T, store::Error> {
        match &result {
            Ok(_) => self.store.succeeded(duty, self.clock.now()),
            Err(error) => self.store.failed(duty, error, self.clock.now()).await,
        }
        result
    }
}

/// Whether the database answered in a look. That something stored is wrong is an answer, too.
#[derive(Debug)]
struct Answers {
    all_came: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self { all_came: true }
    }
}

impl Answers {
    /// Takes the end of a duty, and returns whether it was done.
    fn take<T>(&mut self, result: &Result<T, store::Error>) -> bool {
        self.all_came &= !result.as_ref().is_err_and(store::Error::is_unavailable);
        result.is_ok()
    }
}

/// What was read for a log line: without it the line is missing, and nothing else.
fn only_for_the_log<T: Default>(read: Result<T, store::Error>) -> T {
    read.unwrap_or_else(|error| {
        tracing::debug!(error = %chain(&error), "what a log line tells could not be read");
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_that_does_not_answer_makes_a_look_unsure() {
        let mut answers = Answers::default();
        assert!(answers.take(&Ok(())));
        assert!(!answers.take::<()>(&Err(store::Error::Panicked)));
        assert!(answers.all_came, "something stored is wrong, and the rest is seen");
        assert!(!answers.take::<()>(&Err(store::Error::ReadOnly)));
        assert!(!answers.all_came);
    }
}
