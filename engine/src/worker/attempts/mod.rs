//! One attempt of an activity: its code, timeouts, heartbeats and end.
//!
//! | what happens | what follows |
//! | --- | --- |
//! | the code returns a result | the activity is closed with it |
//! | the code fails, panics or runs out of time | another attempt as the retry policy says, else the activity is closed |
//! | cancellation is requested | the code is told; its result counts, and after a grace period it is dropped |
//! | the attempt is lost (lease, end of the run) | the code is dropped and nothing is reported |
//! | the worker stops | released with its checkpoint, unless it may run at most once: then it failed |
//!
//! An end is reported until the database has accepted or refused it, and the attempt counts as running until then:
//! otherwise another worker could start an attempt that has ended.

pub(crate) mod deadlines;
mod heartbeats;
mod load;
mod report;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::shared::{AttemptHandle, Input, Shared};
use crate::{
    activity::{
        ActivityClose, ActivityContext, ActivityError, ActivityErrorKind, ActivityInfo, CloseOutcome,
        StartedAttempt,
    },
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    history::{ActivityTaskScheduled, RetryState},
    ids::{EventId, RunId, WorkflowId, WorkflowType},
    payload::Payload,
    store::{ActivityLease, AttemptEnd, TaskKind},
};

pub(super) use load::{load, put_off};

use deadlines::{expires_at, next_attempt, timeout_failure};
use heartbeats::{Heartbeats, Pump, PumpEnd};

/// All that is needed to run an attempt.
pub(super) struct Attempt {
    pub(super) run_id: RunId,
    pub(super) scheduled_event_id: EventId,
    pub(super) workflow_id: WorkflowId,
    pub(super) workflow_type: WorkflowType,
    pub(super) scheduled: ActivityTaskScheduled,
    pub(super) scheduled_at: Timestamp,
    pub(super) number: u32,
    pub(super) checkpoint: Option<Payload>,
    pub(super) last_failure: Option<Failure>,
    /// How many of the attempts before were lost with their workers.
    pub(super) worker_losses: u32,
    pub(super) cancel_requested: bool,
    /// The database knows already that this worker has it.
    pub(super) durable: bool,
}

/// An attempt that this worker has and that may start at any moment. It counts as running from now on: otherwise
/// it could be taken for one that was forgotten, and be given to another worker.
pub(super) struct Prepared {
    pub(super) attempt: Attempt,
    slot: OwnedSemaphorePermit,
    canceled: CancellationToken,
    pub(super) lost: CancellationToken,
    at_hand: AtHand,
}

/// The entry among the attempts of the worker, as long as it lives.
struct AtHand {
    shared: Arc<Shared>,
    key: (RunId, EventId),
    serial: u64,
}

impl Prepared {
    pub(super) fn new(shared: &Arc<Shared>, attempt: Attempt, slot: OwnedSemaphorePermit) -> Self {
        let (canceled, lost) = (CancellationToken::new(), CancellationToken::new());
        if attempt.cancel_requested {
            canceled.cancel();
        }
        let key = (attempt.run_id, attempt.scheduled_event_id);
        let handle = AttemptHandle {
            serial: shared.next_serial(),
            number: attempt.number,
            activity_type: attempt.scheduled.activity_type.clone(),
            durable_since: attempt.durable.then(|| shared.clock.uptime()),
            canceled: canceled.clone(),
            lost: lost.clone(),
        };
        let at_hand = AtHand { shared: shared.clone(), key, serial: handle.serial };
        let number = handle.number;
        // One that this worker has lost, and was given anew.
        if let Some(former) = shared.attempts().insert(key, handle).filter(|former| former.number != number) {
            former.lost.cancel();
        }
        Self { attempt, slot, canceled, lost, at_hand }
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        let mut attempts = self.shared.attempts();
        // The next attempt may have come before this one was cleared away.
        if attempts.get(&self.key).is_some_and(|handle| handle.serial == self.serial) {
            attempts.remove(&self.key);
        }
    }
}

/// Starts an attempt in a task of its own.
pub(super) fn spawn(shared: &Arc<Shared>, tracker: &TaskTracker, prepared: Prepared) {
    let Prepared { attempt, slot, canceled, lost, at_hand } = prepared;
    let (run_id, event_id) = at_hand.key;
    if attempt.durable
        && let Some(handle) = shared.attempts().get_mut(&at_hand.key)
    {
        handle.durable_since.get_or_insert(shared.clock.uptime());
    }
    let execution =
        Execution { shared: shared.clone(), started_at: shared.clock.now(), attempt, canceled, lost };
    let span = execution.span();
    let attempt = async move {
        let shared = execution.shared.clone();
        execution.run(slot).instrument(span).await;
        drop(at_hand);
        // The run need not stay in memory for this activity any more.
        let _ = shared.tell(run_id, Input::AttemptEnded(event_id));
    };
    shared.spawn(tracker, attempt);
}

struct Execution {
    shared: Arc<Shared>,
    attempt: Attempt,
    started_at: Timestamp,
    canceled: CancellationToken,
    lost: CancellationToken,
}

/// How the code ended, or what ended it.
enum Ended {
    Returned(Result<Payload, ActivityError>),
    TimedOut(TimeoutType),
    Lost,
    WorkerStops,
}

impl Execution {
    /// Gives the log lines of an attempt its identity, also those of the activity's code.
    fn span(&self) -> tracing::Span {
        let scheduled = &self.attempt.scheduled;
        tracing::info_span!(
            "activity",
            namespace = self.shared.namespace.as_str(),
            workflow.id = self.attempt.workflow_id.as_str(),
            run.id = %self.attempt.run_id,
            workflow.r#type = self.attempt.workflow_type.as_str(),
            activity.id = scheduled.activity_id.as_str(),
            activity.r#type = scheduled.activity_type.as_str(),
            task_queue = scheduled.task_queue.as_str(),
            attempt = self.attempt.number,
        )
    }

    async fn run(self, slot: OwnedSemaphorePermit) {
        let heartbeats = Arc::new(Heartbeats::default());
        let mut pump = Pump::new(
            self.shared.clone(),
            heartbeats.clone(),
            self.lease(),
            self.canceled.clone(),
            self.lost.clone(),
        );
        let mut ended = self.execute(heartbeats.clone(), &mut pump).await;
        if let Some(error) = heartbeats.take_fault()
            && !matches!(ended, Ended::Lost)
        {
            ended = Ended::Returned(Err(error));
        }
        // What was said last is stored before the end, so that a retry resumes from it.
        let checkpoint = pump.finish(matches!(ended, Ended::Lost)).await;
        drop(slot);
        self.shared.due.place_is_free(TaskKind::Activity);
        if let Some(end) = self.conclude(ended, checkpoint) {
            self.report(end).await;
        }
    }

    async fn execute(&self, heartbeats: Arc<Heartbeats>, pump: &mut Pump) -> Ended {
        if self.lost.is_cancelled() {
            return Ended::Lost;
        }
        if self.canceled.is_cancelled() {
            // It was canceled before it started, so there is nothing to clean up.
            return Ended::Returned(Err(ActivityError::canceled()));
        }
        let key = (self.attempt.run_id, self.attempt.scheduled_event_id);
        if self.attempt.scheduled.retry_policy.is_at_most_once() {
            let uptime = self.shared.clock.uptime();
            self.shared.at_most_once.begin(key, self.attempt.number, self.started_at, uptime);
        }
        let code = self.code(heartbeats);
        tokio::pin!(code);
        let deadline = self.deadline();
        let cancel_grace = self.shared.options.cancel_grace_period;
        let given_up = async {
            self.canceled.cancelled().await;
            self.shared.clock.sleep_until(self.shared.clock.now() + cancel_grace).await;
        };
        tokio::select! {
            biased;
            result = &mut code => Ended::Returned(result),
            () = self.lost.cancelled() => Ended::Lost,
            () = self.shared.stopping.cancelled() => Ended::WorkerStops,
            timeout = expiry(&self.shared, deadline) => Ended::TimedOut(timeout),
            ended = pump.run(self.attempt.scheduled.heartbeat_timeout_ms) => match ended {
                PumpEnd::Silence => Ended::TimedOut(TimeoutType::Heartbeat),
                PumpEnd::Fault => Ended::Returned(Err(ActivityError::canceled())),
            },
            () = given_up => Ended::Returned(Err(ActivityError::canceled())),
        }
    }

    fn code(&self, heartbeats: Arc<Heartbeats>) -> BoxFuture<'static, Result<Payload, ActivityError>> {
        let scheduled = &self.attempt.scheduled;
        let Some(definition) = self.shared.registry.find_activity(&scheduled.activity_type) else {
            let message =
                format!("activity type `{}` is not registered with this worker", scheduled.activity_type);
            return Box::pin(async move { Err(ActivityError::retryable("NotRegistered", message)) });
        };
        let context = ActivityContext {
            info: Arc::new(self.info()),
            clock: self.shared.clock.clone(),
            canceled: self.canceled.clone(),
            sink: heartbeats,
            last_checkpoint: self.attempt.checkpoint.clone(),
            resources: self.shared.resources.clone(),
            checkpoint: std::marker::PhantomData,
        };
        let code = definition.execute(context, scheduled.input.clone());
        Box::pin(async move {
            AssertUnwindSafe(code).catch_unwind().await.unwrap_or_else(|panic| {
                let words = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                let message = words.unwrap_or_else(|| "no message".to_owned());
                Err(ActivityError::retryable("Panic", format!("the activity panicked: {message}")))
            })
        })
    }

    fn info(&self) -> ActivityInfo {
        ActivityInfo {
            namespace: self.shared.namespace.clone(),
            workflow_id: self.attempt.workflow_id.clone(),
            workflow_type: self.attempt.workflow_type.clone(),
            run_id: self.attempt.run_id,
            activity_id: self.attempt.scheduled.activity_id.clone(),
            activity_type: self.attempt.scheduled.activity_type.clone(),
            task_queue: self.attempt.scheduled.task_queue.clone(),
            attempt: self.attempt.number,
            started_at: self.started_at,
            deadline: self.deadline().map(|(due, _)| due),
        }
    }

    /// When the attempt must have ended, and which timeout says so.
    fn deadline(&self) -> Option<(Timestamp, TimeoutType)> {
        let after = |start: Timestamp, ms: i64| Timestamp(start.0.saturating_add(ms));
        let scheduled = &self.attempt.scheduled;
        let start_to_close = scheduled
            .start_to_close_timeout_ms
            .map(|ms| (after(self.started_at, ms), TimeoutType::StartToClose));
        let schedule_to_close = scheduled
            .schedule_to_close_timeout_ms
            .map(|ms| (after(self.attempt.scheduled_at, ms), TimeoutType::ScheduleToClose));
        [start_to_close, schedule_to_close].into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    fn lease(&self) -> ActivityLease {
        ActivityLease {
            run_id: self.attempt.run_id,
            scheduled_event_id: self.attempt.scheduled_event_id,
            attempt: self.attempt.number,
            owner: Some(self.shared.worker_id),
        }
    }

    /// What is reported; `None` when the attempt is not ours to report any more.
    fn conclude(&self, ended: Ended, checkpoint: Option<Payload>) -> Option<End> {
        let checkpoint = checkpoint.map(|payload| payload.as_str().to_owned());
        let at_most_once = self.attempt.scheduled.retry_policy.is_at_most_once();
        match ended {
            Ended::Lost => None,
            Ended::Returned(Ok(result)) => Some(self.close(CloseOutcome::Completed { result })),
            Ended::Returned(Err(error)) if error.kind == ActivityErrorKind::Canceled => {
                if self.canceled.is_cancelled() {
                    Some(self.close(CloseOutcome::Canceled))
                } else {
                    Some(self.after_failure(Failed::from(error), checkpoint))
                }
            }
            Ended::Returned(Err(error)) => Some(self.after_failure(Failed::from(error), checkpoint)),
            Ended::TimedOut(timeout) => Some(self.after_failure(self.timed_out(timeout), checkpoint)),
            Ended::WorkerStops if at_most_once => {
                let message =
                    "the worker stopped while the activity was running, and it may run at most once";
                let failure = Failure::new("WorkerStopped", message).non_retryable();
                Some(self.after_failure(Failed { failure, delay: None, timeout: None }, checkpoint))
            }
            Ended::WorkerStops => {
                let now = self.shared.clock.now();
                let expires_at = expires_at(&self.attempt.scheduled, self.attempt.scheduled_at, now);
                Some(End::GiveBack(AttemptEnd::GiveBack { checkpoint, expires_at }))
            }
        }
    }

    fn timed_out(&self, timeout: TimeoutType) -> Failed {
        let limit = match timeout {
            TimeoutType::StartToClose => self.attempt.scheduled.start_to_close_timeout_ms,
            TimeoutType::ScheduleToClose => self.attempt.scheduled.schedule_to_close_timeout_ms,
            TimeoutType::ScheduleToStart => self.attempt.scheduled.schedule_to_start_timeout_ms,
            TimeoutType::Heartbeat => self.attempt.scheduled.heartbeat_timeout_ms,
        };
        let failure = timeout_failure(timeout, limit, &self.attempt.scheduled);
        Failed { failure, delay: None, timeout: Some(timeout) }
    }

    fn after_failure(&self, failed: Failed, checkpoint: Option<String>) -> End {
        let Failed { failure, delay, timeout } = failed;
        let scheduled = &self.attempt.scheduled;
        let now = self.shared.clock.now();
        let decision = if self.canceled.is_cancelled() {
            Err(RetryState::CancelRequested)
        } else {
            next_attempt(
                scheduled,
                self.attempt.scheduled_at,
                self.attempt.number.saturating_sub(self.attempt.worker_losses),
                &failure,
                delay,
                timeout,
                now,
            )
        };
        match decision {
            Ok(visible_at) => {
                let text = serde_json::to_string(&failure).expect("a failure has a JSON form");
                let expires_at = expires_at(scheduled, self.attempt.scheduled_at, visible_at);
                let end = AttemptEnd::Retry { visible_at, failure: text, checkpoint, expires_at };
                End::Retry { end, due: visible_at, failure }
            }
            Err(retry_state) => self.close(match timeout {
                Some(timeout_type) => CloseOutcome::TimedOut { timeout_type, failure, retry_state },
                None => CloseOutcome::Failed { failure, retry_state },
            }),
        }
    }

    fn close(&self, outcome: CloseOutcome) -> End {
        End::Close(Box::new(ActivityClose {
            scheduled_event_id: self.attempt.scheduled_event_id,
            started: Some(StartedAttempt {
                attempt: self.attempt.number,
                started_at: self.started_at,
                identity: self.shared.options.identity.clone(),
                last_failure: self.attempt.last_failure.clone(),
            }),
            outcome,
        }))
    }
}

enum End {
    /// The same attempt on another worker, since this one stops.
    GiveBack(AttemptEnd),
    /// Another attempt at this time, because of this failure.
    Retry {
        end: AttemptEnd,
        due: Timestamp,
        failure: Failure,
    },
    Close(Box<ActivityClose>),
}

struct Failed {
    failure: Failure,
    delay: Option<Duration>,
    timeout: Option<TimeoutType>,
}

impl From<ActivityError> for Failed {
    fn from(error: ActivityError) -> Self {
        Self { failure: error.failure, delay: error.next_retry_delay, timeout: None }
    }
}

async fn expiry(shared: &Shared, deadline: Option<(Timestamp, TimeoutType)>) -> TimeoutType {
    match deadline {
        Some((due, timeout)) => {
            shared.clock.sleep_until(due).await;
            timeout
        }
        None => std::future::pending().await,
    }
}
