//! The next step of a run, until it is sent to the writer.

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{
    Runner,
    commits::{Committing, arrive},
};
use crate::{
    clock::Timestamp,
    history::{ActivityTaskScheduled, EncodedEvent, EventAttributes, HistoryEvent},
    ids::{EventId, TaskQueue},
    machine::{Close, Run},
    model::WorkflowStatus,
    store::{ActivityLease, AfterStep, NewActivityTask, Step, TakenActivity},
    worker::attempts::{self, Attempt, Prepared, deadlines::expires_at},
};

/// Content of the next step.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) events: Vec<EncodedEvent>,
    pub(super) scheduled: Vec<NewActivityTask>,
    pub(super) closed: Vec<ActivityLease>,
    pub(super) cancel_requested: Vec<EventId>,
    pub(super) answers: Vec<oneshot::Sender<bool>>,
    /// Attempts that start when their scheduling, and all that came before it, is durable.
    pub(super) begin: Vec<Prepared>,
    /// Attempts that start during the commit, as their authors allow.
    pub(super) begin_early: Vec<Prepared>,
}

impl Runner {
    /// Adds the commands of the code to the draft.
    pub(super) fn record(&mut self, run: &mut Run) {
        for event in run.record_commands(self.shared.clock.now()) {
            match &event.attributes {
                EventAttributes::ActivityTaskScheduled(scheduled) => {
                    let new = self.schedule(event.event_id, event.time, scheduled);
                    self.draft.scheduled.push(new);
                }
                EventAttributes::ActivityTaskCancelRequested(request) => {
                    self.draft.cancel_requested.push(request.scheduled_event_id);
                }
                // They need no row besides the event.
                EventAttributes::WorkflowExecutionCompleted(_)
                | EventAttributes::WorkflowExecutionFailed(_)
                | EventAttributes::WorkflowExecutionCanceled(_)
                | EventAttributes::TimerStarted(_)
                | EventAttributes::TimerCanceled(_) => {}
                // No command is recorded as one of these.
                EventAttributes::WorkflowExecutionStarted(_)
                | EventAttributes::WorkflowExecutionTimedOut(_)
                | EventAttributes::WorkflowExecutionCancelRequested(_)
                | EventAttributes::WorkflowExecutionTerminated(_)
                | EventAttributes::ActivityTaskStarted(_)
                | EventAttributes::ActivityTaskCompleted(_)
                | EventAttributes::ActivityTaskFailed(_)
                | EventAttributes::ActivityTaskTimedOut(_)
                | EventAttributes::ActivityTaskCanceled(_)
                | EventAttributes::TimerFired(_) => {}
            }
            self.append(&event);
        }
    }

    /// Adds an event to the draft.
    pub(super) fn append(&mut self, event: &HistoryEvent) {
        let event = EncodedEvent::from(event);
        self.history_size_bytes += event.size_bytes();
        self.draft.events.push(event);
    }

    /// Schedules an activity on its task queue, or directly in a free slot of this worker.
    fn schedule(
        &mut self,
        event_id: EventId,
        at: Timestamp,
        scheduled: &ActivityTaskScheduled,
    ) -> NewActivityTask {
        let mut new = NewActivityTask {
            scheduled_event_id: event_id,
            namespace: self.shared.namespace.to_string(),
            activity_type: scheduled.activity_type.to_string(),
            task_queue: scheduled.task_queue.to_string(),
            priority: self.task.priority,
            scheduled_at: at,
            expires_at: expires_at(scheduled, at, at),
            taken: None,
        };
        let here = self.shared.serves_activity(scheduled)
            && !self.shared.draining.is_cancelled()
            && self.shared.holds_lease();
        let Some(slot) = here.then(|| self.shared.try_slot()).flatten() else { return new };
        new.taken = Some(TakenActivity {
            worker_id: self.shared.worker_id,
            worker_identity: self.shared.options.identity.clone(),
        });
        let first = Attempt {
            run_id: self.task.run_id,
            scheduled_event_id: event_id,
            workflow_id: self.execution.workflow_id.clone(),
            workflow_type: self.execution.workflow_type.clone(),
            scheduled: scheduled.clone(),
            scheduled_at: at,
            number: 1,
            checkpoint: None,
            last_failure: None,
            worker_losses: 0,
            cancel_requested: false,
            durable: false,
        };
        self.local.insert(event_id);
        let prepared = Prepared::new(&self.shared, first, slot);
        let definition = self.shared.registry.find_activity(&scheduled.activity_type);
        let early = definition.is_some_and(|definition| definition.is_early());
        if early && !scheduled.retry_policy.is_at_most_once() {
            self.draft.begin_early.push(prepared);
        } else {
            self.draft.begin.push(prepared);
        }
        new
    }

    /// Accepts a run that begins here, if it has no first step.
    pub(super) fn accept(&mut self) {
        if let Some(acceptance) = self.acceptance.take() {
            acceptance.queue(&self.shared.store);
        }
    }

    /// Sends the draft to the writer if it has any content, and returns when the next timer is due.
    pub(super) async fn submit(&mut self, run: &mut Run) -> Option<Timestamp> {
        let next_timer = run.next_timer();
        let after = self.after(run, next_timer);
        let nothing = self.draft.events.is_empty() && self.draft.closed.is_empty();
        if self.leaving || nothing && matches!(after, AfterStep::Keep) {
            self.accept();
            return next_timer;
        }
        let mut draft = std::mem::take(&mut self.draft);
        self.excess = self.excess(run);
        if self.excess.is_some() {
            self.accept();
            // The draft is dropped: its attempts have not started, and its attempts get no reply.
            self.leaving = true;
            return None;
        }
        let expected_event_id = self.next_event_id;
        self.next_event_id = run.last_event_id() + 1;
        let started = std::mem::take(&mut self.unstarted).then(|| self.shared.clock.now());
        let closes_run = matches!(after, AfterStep::Close { .. });
        let lets_go = matches!(after, AfterStep::Release { .. });
        self.leaving = closes_run || lets_go;
        let acceptance = self.acceptance.take();
        if acceptance.is_some() {
            // No code runs for a start that may be refused, as a repeated request is.
            draft.begin.append(&mut draft.begin_early);
        }
        let queued = draft.scheduled.iter().filter(|new| new.taken.is_none());
        let queued = queued.map(|new| TaskQueue::trusted(&new.task_queue)).collect();
        let begun = draft.begin_early.iter();
        let begun = begun.map(|early| (early.attempt.scheduled_event_id, early.lost.clone())).collect();
        let step = Step {
            run_id: self.task.run_id,
            owner: self.shared.worker_id,
            epoch: self.task.epoch,
            expected_event_id,
            events: draft.events,
            consumed_messages: self.consumed_messages,
            scheduled: draft.scheduled,
            closed: draft.closed,
            cancel_requested: draft.cancel_requested.clone(),
            started,
            worker_identity: self.shared.options.identity.clone(),
            after,
        };
        let output = match acceptance {
            Some(acceptance) => acceptance.queue_with(&self.shared.store, step).await,
            None => self.shared.store.enqueue(step).await.map(FutureExt::boxed),
        };
        let output = output.unwrap_or_else(|error| std::future::ready(Err(error)).boxed());
        for prepared in draft.begin_early {
            attempts::spawn(&self.shared, &self.tracker, prepared);
        }
        let commit = Committing {
            output,
            last_event_id: run.last_event_id(),
            closes_run,
            failure: run.close().and_then(Close::failure).cloned(),
            lets_go,
            answers: draft.answers,
            begin: draft.begin,
            begun,
            cancel: draft.cancel_requested,
            queued,
        };
        self.commits.push_back(Box::pin(arrive(commit)));
        next_timer
    }

    /// Which limit the history would exceed with the draft. The end of a run is never refused for that.
    fn excess(&self, run: &Run) -> Option<String> {
        let options = &self.shared.options;
        let (events, size_bytes) = (run.last_event_id(), self.history_size_bytes);
        if run.close().is_some() {
            None
        } else if events > options.history_events_max {
            let limit = options.history_events_max;
            Some(format!("the history would have {events} events, at most {limit} are allowed"))
        } else if size_bytes > options.history_size_bytes_max {
            let limit = options.history_size_bytes_max;
            Some(format!("the history would have {size_bytes} bytes, at most {limit} are allowed"))
        } else {
            None
        }
    }

    /// State of the workflow task after the draft.
    fn after(&self, run: &Run, next_timer: Option<Timestamp>) -> AfterStep {
        let now = self.shared.clock.now();
        let (status, result, failure) = match run.close() {
            Some(Close::Completed(result)) => {
                (WorkflowStatus::Completed, Some(result.as_str().to_owned()), None)
            }
            Some(Close::Failed(failure)) => (WorkflowStatus::Failed, None, Some(failure)),
            Some(Close::Canceled) => (WorkflowStatus::Canceled, None, None),
            None => return self.after_waiting(now, next_timer),
        };
        let failure =
            failure.map(|failure| serde_json::to_string(failure).expect("a failure has a JSON form"));
        AfterStep::Close {
            status: status.as_str(),
            at: now,
            result,
            failure,
            open_activities: run.has_activity_tasks(),
        }
    }

    /// A waiting run stays in memory if it continues here soon.
    fn after_waiting(&self, now: Timestamp, next_timer: Option<Timestamp>) -> AfterStep {
        let soon = now + self.shared.options.sticky_wait_max;
        let draining = self.shared.draining.is_cancelled();
        match next_timer {
            _ if !self.local.is_empty() => AfterStep::Keep,
            Some(due) if due <= soon && !draining => AfterStep::Keep,
            due => AfterStep::Release { visible_at: due.unwrap_or(Timestamp::NEVER) },
        }
    }
}
