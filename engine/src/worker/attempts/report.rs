//! What is told of the end of an attempt, and to whom.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{End, Execution};
use crate::{
    activity::{ActivityClose, CloseOutcome},
    clock::Timestamp,
    log::{self, AfterAttempt, AttemptOf, RunOf, outage::Duty},
    store::{self, ACTIVITY_CLOSED, ActivityReport, AttemptEnd, ReportOutput, Reporter},
    worker::shared::Input,
};

/// In the log lines of an outage.
const REPORT: Duty = Duty::repeated("storing the end of an activity");

impl Execution {
    /// Reports the end to the runner of the run if it is in this process, else to the inbox of the run.
    ///
    /// An attempt that was lost reports nothing: the place of its activity in the history may be another's by now.
    pub(super) async fn report(&self, end: End) {
        if self.lost.is_cancelled() {
            return;
        }
        let accepted = match &end {
            End::GiveBack(end) => self.tell_database(end, None).await,
            End::Retry { end, due, .. } => self.tell_database(end, Some(*due)).await,
            End::Close(close) if self.tell_runner(close).await => true,
            End::Close(close) => {
                let body = serde_json::to_string(close).expect("the end of an activity has a JSON form");
                self.tell_database(&AttemptEnd::Close { kind: ACTIVITY_CLOSED, body }, None).await
            }
        };
        if accepted {
            self.log(&end);
        }
    }

    fn log(&self, end: &End) {
        let (failure, after) = match end {
            End::GiveBack(_) => return,
            End::Retry { failure, due, .. } => (failure, AfterAttempt::Retry { at: *due }),
            End::Close(close) => match &close.outcome {
                CloseOutcome::Failed { failure, retry_state }
                | CloseOutcome::TimedOut { failure, retry_state, .. } => {
                    (failure, AfterAttempt::Closed(*retry_state))
                }
                CloseOutcome::Completed { .. } | CloseOutcome::Canceled => return,
            },
        };
        let attempt = AttemptOf {
            run: RunOf {
                namespace: &self.shared.namespace,
                workflow_id: &self.attempt.workflow_id,
                workflow_type: &self.attempt.workflow_type,
                run_id: self.attempt.run_id,
            },
            scheduled: &self.attempt.scheduled,
            attempt: self.attempt.number,
        };
        log::attempt_failed(attempt, failure, after, self.shared.clock.now());
    }

    async fn tell_runner(&self, close: &ActivityClose) -> bool {
        let (committed, answer) = oneshot::channel();
        let input = Input::ActivityClosed { close: Box::new(close.clone()), lease: self.lease(), committed };
        self.shared.tell(self.attempt.run_id, input).is_ok() && answer.await.unwrap_or(false)
    }

    /// Reports until the database has accepted or refused it, and returns whether it was accepted.
    async fn tell_database(&self, end: &AttemptEnd, due: Option<Timestamp>) -> bool {
        let mut wait = Duration::from_millis(100);
        while !self.lost.is_cancelled() {
            let report = ActivityReport {
                lease: self.lease(),
                end: end.clone(),
                now: self.shared.clock.now(),
                reporter: Reporter::Owner,
            };
            match self.shared.store.write(report).await {
                Ok(ReportOutput::Accepted(wake)) => {
                    self.shared.store.succeeded(REPORT, self.shared.clock.now());
                    if let Some(wake) = wake {
                        let due = due.unwrap_or_else(|| self.shared.clock.now());
                        self.shared.wake(self.attempt.run_id, &wake, due);
                    }
                    return true;
                }
                Ok(ReportOutput::Refused) => {
                    self.lost.cancel();
                    return false;
                }
                Err(store::Error::Closed) => return false,
                Err(error) => self.shared.store.failed(REPORT, &error, self.shared.clock.now()).await,
            }
            tokio::select! {
                () = self.lost.cancelled() => return false,
                () = self.shared.stopping.cancelled() => return false,
                () = self.shared.clock.sleep_until(self.shared.clock.now() + wait) => {}
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
        false
    }
}
