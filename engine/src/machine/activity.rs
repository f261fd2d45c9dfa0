//! One activity of a run.
//!
//! | state | recorded | outcome arrives | cancel |
//! | --- | --- | --- | --- |
//! | asked for | → scheduled | impossible | withdrawn, as if never asked for |
//! | scheduled | – | → closed, the future gets it | → cancel asked for, the future gets `Canceled` at once |
//! | cancel asked for | → abandoned | impossible | – |
//! | abandoned | – | → closed, nobody is told | – |

use std::{collections::BTreeMap, task::Waker};

use super::{CommandKind, Core};
use crate::{
    failure::Failure,
    history::{ActivityTaskCancelRequested, ActivityTaskScheduled, EventAttributes},
    ids::{ActivityType, EventId},
    payload::Payload,
    workflow::{ActivityFailure, ActivityFailureKind},
};

/// What workflow code asks for; the number is given by the machine.
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
    Asked,
    Scheduled(EventId),
    CancelAsked(EventId),
    Abandoned(EventId),
}

impl Core {
    /// Asks for an activity; the answer is its number.
    pub(crate) fn schedule_activity(&mut self, mut request: ActivityRequest) -> u32 {
        let sequence = self.next_sequence();
        request.activity_id = sequence.to_string();
        self.activities.by_sequence.insert(
            sequence,
            Activity {
                activity_id: request.activity_id.clone(),
                activity_type: request.activity_type.clone(),
                state: State::Asked,
                outcome: None,
                waker: None,
            },
        );
        self.command(sequence, CommandKind::ScheduleActivityTask(Box::new(request)));
        sequence
    }

    /// Takes the outcome, or leaves word whom to wake.
    pub(crate) fn poll_activity(&mut self, sequence: u32, waker: &Waker) -> Option<ActivityOutcome> {
        let activity = self.activities.by_sequence.get_mut(&sequence)?;
        if let Some(outcome) = activity.outcome.take() {
            self.activities.forget_if_settled(sequence);
            return Some(outcome);
        }
        activity.waker = Some(waker.clone());
        None
    }

    /// Asks an activity to stop. Its future, if anyone still holds it, gets `Canceled`.
    pub(crate) fn cancel_activity(&mut self, sequence: u32) {
        let Some(activity) = self.activities.by_sequence.get_mut(&sequence) else { return };
        match activity.state {
            State::Asked => {
                activity.settle_canceled();
                self.withdraw(sequence);
            }
            State::Scheduled(event_id) if activity.outcome.is_none() => {
                activity.settle_canceled();
                activity.state = State::CancelAsked(event_id);
                let attributes = ActivityTaskCancelRequested { scheduled_event_id: event_id };
                self.command(sequence, CommandKind::RequestCancelActivityTask(attributes));
            }
            State::Scheduled(_) | State::CancelAsked(_) | State::Abandoned(_) => {}
        }
    }

    /// Asks every activity that somebody may wait for to stop.
    pub(crate) fn cancel_all_activities(&mut self) {
        let open: Vec<u32> = self.activities.by_sequence.keys().copied().collect();
        for sequence in open {
            self.cancel_activity(sequence);
        }
    }
}

impl Activities {
    /// A command of this activity was recorded as `event_id`.
    pub(super) fn recorded(&mut self, sequence: u32, event_id: EventId) {
        let Some(activity) = self.by_sequence.get_mut(&sequence) else { return };
        match activity.state {
            State::Asked => {
                activity.state = State::Scheduled(event_id);
                self.by_event.insert(event_id, sequence);
            }
            State::CancelAsked(scheduled) => activity.state = State::Abandoned(scheduled),
            State::Scheduled(_) | State::Abandoned(_) => {}
        }
    }

    /// An event that ends an activity; `Err` when the run has no such activity.
    pub(super) fn close(&mut self, event: &EventAttributes) -> Result<(), String> {
        let (scheduled_event_id, close) = match event {
            EventAttributes::ActivityTaskCompleted(e) => (e.scheduled_event_id, Ok(e.result.clone())),
            EventAttributes::ActivityTaskFailed(e) => {
                (e.scheduled_event_id, Err((ActivityFailureKind::Failed, e.failure.clone())))
            }
            EventAttributes::ActivityTaskTimedOut(e) => (
                e.scheduled_event_id,
                Err((ActivityFailureKind::TimedOut(e.timeout_type), e.failure.clone())),
            ),
            EventAttributes::ActivityTaskCanceled(e) => {
                (e.scheduled_event_id, Err((ActivityFailureKind::Canceled, canceled())))
            }
            other => return Err(format!("{} ends no activity", other.event_type())),
        };
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

    /// Whether an activity is asked for or under way that somebody may wait for.
    pub(super) fn has_open(&self) -> bool {
        self.by_sequence.values().any(|activity| {
            matches!(activity.state, State::Asked | State::Scheduled(_)) && activity.outcome.is_none()
        })
    }

    /// Whether an activity that was scheduled has not ended, whoever may wait for it.
    pub(super) fn has_tasks(&self) -> bool {
        !self.by_event.is_empty()
    }

    fn forget_if_settled(&mut self, sequence: u32) {
        let settled = self.by_sequence.get(&sequence).is_some_and(|activity| match activity.state {
            State::Scheduled(event_id) => !self.by_event.contains_key(&event_id),
            State::Asked => true,
            State::CancelAsked(_) | State::Abandoned(_) => false,
        });
        if settled {
            self.by_sequence.remove(&sequence);
        }
    }
}

impl Activity {
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
