//! Steps that are being committed, and what follows when they are.

use std::collections::BTreeSet;

use futures_util::{StreamExt, future::BoxFuture};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Next, Runner};
use crate::{
    chain,
    failure::Failure,
    hint::{self, QueueHint, WorkerHint},
    history::WorkflowExecutionTerminated,
    ids::{EventId, TaskQueue},
    log::{self, outage::Duty},
    model::WorkflowStatus,
    store::{self, CloseOutput, CloseRun, StepOutput, TaskKind},
    worker::attempts::{self, Prepared},
};

/// In the log lines of an outage. The run continues from its last committed step.
const COMMIT: Duty = Duty::single("committing a step of a run");

/// A commit in progress.
pub(super) struct Committing {
    pub(super) output: BoxFuture<'static, Result<StepOutput, store::Error>>,
    pub(super) last_event_id: EventId,
    pub(super) closes_run: bool,
    /// Why the run failed, if this commit closes it as failed.
    pub(super) failure: Option<Failure>,
    pub(super) lets_go: bool,
    pub(super) answers: Vec<oneshot::Sender<bool>>,
    /// Attempts that may start only when their start is durable.
    pub(super) begin: Vec<Prepared>,
    /// Attempts that started during the commit, with the token that tells them that it was refused.
    pub(super) begun: Vec<(EventId, CancellationToken)>,
    pub(super) cancel: Vec<EventId>,
    /// Task queues on which new activities wait for a worker.
    pub(super) queued: BTreeSet<TaskQueue>,
}

/// A commit that was accepted or refused.
pub(super) struct Committed {
    result: Result<StepOutput, store::Error>,
    commit: Committing,
}

pub(super) async fn arrive(mut commit: Committing) -> Committed {
    let output = std::mem::replace(&mut commit.output, Box::pin(std::future::pending()));
    Committed { result: output.await, commit }
}

impl Runner {
    /// The next commit that ends; `None` if none is in progress.
    pub(super) async fn next_commit(&mut self) -> Option<Committed> {
        self.commits.next().await
    }

    pub(super) async fn on_committed(&mut self, committed: Committed) -> Next {
        let Committed { result, commit } = committed;
        match result {
            Ok(StepOutput::Committed { visible_at }) => {
                self.shared.is_durable(self.task.run_id, self.task.epoch);
                if commit.lets_go {
                    // At its next timer, or at once if a message arrived meanwhile.
                    self.shared.look_at(visible_at, TaskKind::Workflow);
                }
            }
            Ok(StepOutput::Stale) => {
                tracing::debug!("another worker now holds the run's lease");
                self.forsake(commit);
                return self.abandon().await;
            }
            Ok(StepOutput::Unread) => {
                self.forsake(commit);
                self.shared.due.look_for(TaskKind::Workflow);
                return self.abandon().await;
            }
            Err(error) => {
                if error.is_unavailable() {
                    self.shared.store.failed_meanwhile(COMMIT, &error, self.shared.clock.now());
                } else {
                    tracing::error!(
                        error = %chain(&error),
                        "a step of a run could not be committed; the run continues from its last committed step"
                    );
                }
                self.forsake(commit);
                return self.abandon().await;
            }
        }
        let leaves = commit.closes_run || commit.lets_go;
        self.settle(commit);
        if leaves {
            return Next::Finished;
        }
        Next::Continue
    }

    /// Waits for the commits in progress, since attempts wait for their outcome, and takes no more inputs.
    pub(super) async fn abandon(&mut self) -> Next {
        self.shared.lost_run(self.task.run_id, self.task.epoch);
        while let Some(Committed { result, commit }) = self.next_commit().await {
            match result {
                Ok(StepOutput::Committed { .. }) => self.settle(commit),
                Ok(StepOutput::Stale | StepOutput::Unread) | Err(_) => self.forsake(commit),
            }
        }
        Next::Finished
    }

    /// A commit was accepted: continues what waited for it.
    fn settle(&self, commit: Committing) {
        for answer in commit.answers {
            // An attempt that was lost meanwhile does not wait for the reply.
            let _ = answer.send(true);
        }
        for mut prepared in commit.begin {
            prepared.attempt.durable = true;
            attempts::spawn(&self.shared, &self.tracker, prepared);
        }
        let now = self.shared.clock.now();
        for (event_id, _) in commit.begun {
            if let Some(attempt) = self.shared.attempts().get_mut(&(self.task.run_id, event_id)) {
                attempt.durable_since = Some(self.shared.clock.uptime());
            }
        }
        for event_id in commit.cancel {
            match self.shared.attempts().get(&(self.task.run_id, event_id)) {
                Some(attempt) => attempt.canceled.cancel(),
                // If it waits for its next attempt, it is due now, to be canceled.
                None => self.shared.due.look_for(TaskKind::Activity),
            }
        }
        for task_queue in commit.queued {
            if self.shared.options.task_queues.contains(&task_queue) {
                self.shared.due.look_for(TaskKind::Activity);
            }
            let hint = QueueHint { kind: TaskKind::Activity, due: now };
            hint::publish_queue(&*self.shared.bus, &self.shared.namespace, &task_queue, hint);
        }
        if let Some(failure) = &commit.failure {
            log::run_failed(&self.execution, failure);
        }
        if commit.closes_run {
            hint::publish_closed(&*self.shared.bus, self.task.run_id, commit.last_event_id);
            self.shared.stop_attempts(self.task.run_id);
        } else {
            hint::publish_history(&*self.shared.bus, self.task.run_id, commit.last_event_id);
        }
    }

    /// A commit was refused: attempts that started before have no row.
    ///
    /// Attempts that wait for a reply get none, and report to the database.
    fn forsake(&self, commit: Committing) {
        for (_, lost) in commit.begun {
            lost.cancel();
        }
    }

    /// Terminates a run whose next step would exceed a limit of its history.
    pub(super) fn terminate(&self, reason: String) {
        let (shared, run_id) = (self.shared.clone(), self.task.run_id);
        let execution = self.execution.clone();
        let terminate = async move {
            let failure = Failure::new("HistoryLimitExceeded", reason.clone());
            let close = CloseRun {
                run_id,
                status: WorkflowStatus::Terminated.as_str(),
                event: WorkflowExecutionTerminated { reason: Some(reason.clone()), identity: None }.into(),
                failure: serde_json::to_string(&failure).ok(),
                now: shared.clock.now(),
            };
            match shared.store.write(close).await {
                Ok(CloseOutput::Closed { last_event_id, .. }) => {
                    log::run_over_limit(&execution, &reason);
                    hint::publish_closed(&*shared.bus, run_id, last_event_id);
                }
                Ok(CloseOutput::NotOpen) => {}
                Err(error) => {
                    tracing::error!(error = %chain(&error), run.id = %run_id, "an oversized run could not be terminated");
                    // It is still open, and so are its activities.
                    return;
                }
            }
            hint::publish_worker(&*shared.bus, shared.worker_id, &WorkerHint::Closed(run_id));
        };
        self.shared.spawn(&self.tracker, terminate);
    }
}
