//! One durable timer of a run.
//!
//! | state | recorded | fires | cancel |
//! | --- | --- | --- | --- |
//! | asked for | → running, due from the time of that event | impossible | withdrawn, as if never asked for |
//! | running | – | → closed, the future ends | → cancel asked for, the future gets `Canceled` |
//! | cancel asked for | → closed | nondeterminism | – |

use std::{collections::BTreeMap, task::Waker, time::Duration};

use super::{CommandKind, Core};
use crate::{
    clock::{Timestamp, millis},
    history::{TimerCanceled, TimerFired, TimerStarted},
    ids::EventId,
};

#[derive(Default)]
pub(crate) struct Timers {
    by_sequence: BTreeMap<u32, Timer>,
}

struct Timer {
    state: State,
    outcome: Option<TimerOutcome>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asked,
    Running { started_event_id: EventId, due: Timestamp },
    CancelAsked,
}

/// How a timer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimerOutcome {
    Fired,
    Canceled,
}

impl Core {
    /// Asks for a timer; the answer is its number.
    pub(crate) fn start_timer(&mut self, length: Duration) -> u32 {
        let sequence = self.next_sequence();
        self.timers.by_sequence.insert(sequence, Timer { state: State::Asked, outcome: None, waker: None });
        let attributes =
            TimerStarted { timer_id: sequence.to_string(), start_to_fire_timeout_ms: millis(length) };
        self.command(sequence, CommandKind::StartTimer(attributes));
        sequence
    }

    /// Takes the outcome, or leaves word whom to wake.
    pub(crate) fn poll_timer(&mut self, sequence: u32, waker: &Waker) -> Option<TimerOutcome> {
        let timer = self.timers.by_sequence.get_mut(&sequence)?;
        if let Some(outcome) = timer.outcome.take() {
            if timer.state != State::CancelAsked {
                self.timers.by_sequence.remove(&sequence);
            }
            return Some(outcome);
        }
        timer.waker = Some(waker.clone());
        None
    }

    /// Takes a timer back. Its future, if anyone still holds it, gets `Canceled`.
    pub(crate) fn cancel_timer(&mut self, sequence: u32) {
        let Some(timer) = self.timers.by_sequence.get_mut(&sequence) else { return };
        if timer.outcome.is_some() {
            return;
        }
        match timer.state {
            State::Asked => {
                timer.settle(TimerOutcome::Canceled);
                self.withdraw(sequence);
            }
            State::Running { started_event_id, .. } => {
                timer.settle(TimerOutcome::Canceled);
                timer.state = State::CancelAsked;
                let attributes = TimerCanceled { timer_id: sequence.to_string(), started_event_id };
                self.command(sequence, CommandKind::CancelTimer(attributes));
            }
            State::CancelAsked => {}
        }
    }

    /// Takes every running timer back.
    pub(crate) fn cancel_all_timers(&mut self) {
        let open: Vec<u32> = self.timers.by_sequence.keys().copied().collect();
        for sequence in open {
            self.cancel_timer(sequence);
        }
    }
}

impl Timers {
    /// A timer was recorded as started. Its recorded length counts, whatever the code asks for today.
    pub(super) fn started(&mut self, sequence: u32, event_id: EventId, time: Timestamp, length_ms: i64) {
        let Some(timer) = self.by_sequence.get_mut(&sequence) else { return };
        if timer.state == State::Asked {
            let due = Timestamp(time.0.saturating_add(length_ms));
            timer.state = State::Running { started_event_id: event_id, due };
        }
    }

    /// A timer was recorded as taken back.
    pub(super) fn canceled(&mut self, sequence: u32) {
        if self.by_sequence.get(&sequence).is_some_and(|timer| timer.state == State::CancelAsked) {
            self.by_sequence.remove(&sequence);
        }
    }

    /// Whether a timer is asked for or running that somebody may wait for.
    pub(super) fn has_open(&self) -> bool {
        self.by_sequence.values().any(|timer| timer.state != State::CancelAsked && timer.outcome.is_none())
    }

    /// A timer rang; `Err` when the run has no such timer.
    pub(super) fn fired(&mut self, event: &TimerFired) -> Result<(), String> {
        let running = self.by_sequence.values_mut().find(|timer| {
            matches!(timer.state, State::Running { started_event_id, .. } if started_event_id == event.started_event_id)
        });
        let timer = running
            .ok_or_else(|| format!("no running timer was started by event {}", event.started_event_id))?;
        timer.settle(TimerOutcome::Fired);
        Ok(())
    }

    /// When the next timer rings.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.running().map(|(_, _, due)| due).min()
    }

    /// The timer that is due first, when it is due by `now`; ties go to the older one.
    pub(super) fn due(&self, now: Timestamp) -> Option<TimerFired> {
        self.running()
            .filter(|(_, _, due)| *due <= now)
            .min_by_key(|(sequence, _, due)| (*due, *sequence))
            .map(|(sequence, started_event_id, _)| TimerFired {
                timer_id: sequence.to_string(),
                started_event_id,
            })
    }

    fn running(&self) -> impl Iterator<Item = (u32, EventId, Timestamp)> {
        self.by_sequence.iter().filter_map(|(sequence, timer)| match timer.state {
            State::Running { started_event_id, due } if timer.outcome.is_none() => {
                Some((*sequence, started_event_id, due))
            }
            _ => None,
        })
    }
}

impl Timer {
    fn settle(&mut self, outcome: TimerOutcome) {
        self.outcome = Some(outcome);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
