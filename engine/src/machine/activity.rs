//! One activity of a run.
//!
//! | state | recorded | outcome arrives | cancel |
//! | --- | --- | --- | --- |
//! | requested | → scheduled | impossible | the command is withdrawn |
//! | scheduled | – | → closed, the future returns it | → cancel requested, the future returns `Canceled` at once |
//! | cancel requested | → abandoned | impossible | – |
//! | abandoned | – | → closed, the outcome is dropped | – |

use std::{collections::BTreeMap, task::Waker};

use super::{command::CommandKind, commands::Commands};
use crate::{
    failure::Failure,
    history::{
        ActivityTaskCancelRequested, ActivityTaskCanceled, ActivityTaskCompleted, ActivityTaskFailed,
        ActivityTaskScheduled, ActivityTaskTimedOut,
    },
    ids::{ActivityType, EventId},
    payload::Payload,
    workflow::{ActivityFailure, ActivityFailureKind},
};

/// An activity that workflow code schedules; its ID and the build are set by the machine.
pub(crate) type ActivityRequest = ActivityTaskScheduled;

/// How it ended.
pub(crate) type ActivityOutcome = Result<Payload, ActivityFailure>;

#[derive(Default)]
pub(crate) struct Activities {
    by_sequence: BTreeMap<u32, Activity>,
    by_event: BTreeMap<EventId, u32>,
}

struct Activity {
    activity_id: String,
    activity_type: ActivityType,
    state: State,
    outcome: Option<ActivityOutcome>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Requested,
    Scheduled(EventId),
    CancelRequested(EventId),
    Abandoned(EventId),
}

impl Activities {
    /// Schedules an activity and returns its number.
    pub(super) fn schedule(&mut self, mut request: ActivityRequest, commands: &mut Commands) -> u32 {
        let sequence = commands.next_sequence();
        request.activity_id = sequence.to_string();
        let activity = Activity {
            activity_id: request.activity_id.clone(),
            activity_type: request.activity_type.clone(),
            state: State::Requested,
            outcome: None,
            waker: None,
        };
        self.by_sequence.insert(sequence, activity);
        commands.give(sequence, CommandKind::ScheduleActivityTask(Box::new(request)));
        sequence
    }

    /// Returns the outcome if there is one, else stores the waker.
    pub(super) fn poll(&mut self, sequence: u32, waker: &Waker) -> Option<ActivityOutcome> {
        let activity = self.by_sequence.get_mut(&sequence)?;
        if let Some(outcome) = activity.outcome.take() {
            self.forget_if_settled(sequence);
            return Some(outcome);
        }
        activity.waker = Some(waker.clone());
        None
    }

    /// Requests cancellation of an activity. Its future, if the code still holds it, returns `Canceled`.
    pub(super) fn cancel(&mut self, sequence: u32, commands: &mut Commands) {
        if let Some(activity) = self.by_sequence.get_mut(&sequence) {
            activity.cancel(sequence, commands);
        }
    }

    /// Requests cancellation of every open activity.
    pub(super) fn cancel_all(&mut self, commands: &mut Commands) {
        for (sequence, activity) in &mut self.by_sequence {
            activity.cancel(*sequence, commands);
        }
    }

    /// A command of this activity was recorded as `event_id`.
    pub(super) fn recorded(&mut self, sequence: u32, event_id: EventId) {
        let Some(activity) = self.by_sequence.get_mut(&sequence) else { return };
        match activity.state {
            State::Requested => {
                activity.state = State::Scheduled(event_id);
                self.by_event.insert(event_id, sequence);
            }
            State::CancelRequested(scheduled) => activity.state = State::Abandoned(scheduled),
            State::Scheduled(_) | State::Abandoned(_) => {}
        }
    }

    pub(super) fn completed(&mut self, event: &ActivityTaskCompleted) -> Result<(), String> {
        self.close(event.scheduled_event_id, Ok(event.result.clone()))
    }

    pub(super) fn failed(&mut self, event: &ActivityTaskFailed) -> Result<(), String> {
        self.close(event.scheduled_event_id, Err((ActivityFailureKind::Failed, event.failure.clone())))
    }

    pub(super) fn timed_out(&mut self, event: &ActivityTaskTimedOut) -> Result<(), String> {
        let kind = ActivityFailureKind::TimedOut(event.timeout_type);
        self.close(event.scheduled_event_id, Err((kind, event.failure.clone())))
    }

    pub(super) fn canceled(&mut self, event: &ActivityTaskCanceled) -> Result<(), String> {
        self.close(event.scheduled_event_id, Err((ActivityFailureKind::Canceled, canceled())))
    }

    /// Ends the activity that an event scheduled; `Err` if the run has no such open activity.
    fn close(
        &mut self,
        scheduled_event_id: EventId,
        close: Result<Payload, (ActivityFailureKind, Failure)>,
    ) -> Result<(), String> {
        let sequence = self
            .by_event
            .remove(&scheduled_event_id)
            .ok_or_else(|| format!("no open activity was scheduled by event {scheduled_event_id}"))?;
        let Some(activity) = self.by_sequence.get_mut(&sequence) else { return Ok(()) };
        if matches!(activity.state, State::Scheduled(_)) {
            activity.outcome = Some(close.map_err(|(kind, failure)| activity.failure(kind, failure)));
            activity.wake();
        } else {
            self.by_sequence.remove(&sequence);
        }
        Ok(())
    }

    /// Whether the code may be waiting for an activity.
    pub(super) fn has_open(&self) -> bool {
        self.by_sequence.values().any(|activity| {
            matches!(activity.state, State::Requested | State::Scheduled(_)) && activity.outcome.is_none()
        })
    }

    /// Whether a scheduled activity has not ended, even if the code no longer waits for it.
    pub(super) fn has_tasks(&self) -> bool {
        !self.by_event.is_empty()
    }

    fn forget_if_settled(&mut self, sequence: u32) {
        let settled = self.by_sequence.get(&sequence).is_some_and(|activity| match activity.state {
            State::Scheduled(event_id) => !self.by_event.contains_key(&event_id),
            State::Requested => true,
            State::CancelRequested(_) | State::Abandoned(_) => false,
        });
        if settled {
            self.by_sequence.remove(&sequence);
        }
    }
}

impl Activity {
    fn cancel(&mut self, sequence: u32, commands: &mut Commands) {
        match self.state {
            State::Requested => {
                self.settle_canceled();
                commands.withdraw(sequence);
            }
            State::Scheduled(event_id) if self.outcome.is_none() => {
                self.settle_canceled();
                self.state = State::CancelRequested(event_id);
                let attributes = ActivityTaskCancelRequested { scheduled_event_id: event_id };
                commands.give(sequence, CommandKind::RequestCancelActivityTask(attributes));
            }
            State::Scheduled(_) | State::CancelRequested(_) | State::Abandoned(_) => {}
        }
    }

    fn settle_canceled(&mut self) {
        self.outcome = Some(Err(self.failure(ActivityFailureKind::Canceled, canceled())));
        self.wake();
    }

    fn failure(&self, kind: ActivityFailureKind, failure: Failure) -> ActivityFailure {
        ActivityFailure {
            activity_type: self.activity_type.clone(),
            activity_id: self.activity_id.clone(),
            kind,
            failure: Box::new(failure),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn canceled() -> Failure {
    Failure::new("Canceled", "the activity was canceled").non_retryable()
}
