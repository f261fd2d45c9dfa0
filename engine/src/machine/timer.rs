//! One durable timer of a run.
//!
//! | state | recorded | fires | cancel |
//! | --- | --- | --- | --- |
//! | requested | → running, due from the time of that event | impossible | the command is withdrawn |
//! | running | – | → closed, the future returns | → cancel requested, the future returns `Canceled` |
//! | cancel requested | → closed | nondeterminism | – |

use std::{collections::BTreeMap, task::Waker, time::Duration};

use super::{command::CommandKind, commands::Commands};
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
    Requested,
    Running { started_event_id: EventId, due: Timestamp },
    CancelRequested,
}

/// How a timer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimerOutcome {
    Fired,
    Canceled,
}

impl Timers {
    /// Starts a timer and returns its number.
    pub(super) fn start(&mut self, length: Duration, commands: &mut Commands) -> u32 {
        let sequence = commands.next_sequence();
        self.by_sequence.insert(sequence, Timer { state: State::Requested, outcome: None, waker: None });
        let attributes =
            TimerStarted { timer_id: sequence.to_string(), start_to_fire_timeout_ms: millis(length) };
        commands.give(sequence, CommandKind::StartTimer(attributes));
        sequence
    }

    /// Returns the outcome if there is one, else stores the waker.
    pub(super) fn poll(&mut self, sequence: u32, waker: &Waker) -> Option<TimerOutcome> {
        let timer = self.by_sequence.get_mut(&sequence)?;
        if let Some(outcome) = timer.outcome.take() {
            if timer.state != State::CancelRequested {
                self.by_sequence.remove(&sequence);
            }
            return Some(outcome);
        }
        timer.waker = Some(waker.clone());
        None
    }

    /// Cancels a timer. Its future, if the code still holds it, returns `Canceled`.
    pub(super) fn cancel(&mut self, sequence: u32, commands: &mut Commands) {
        if let Some(timer) = self.by_sequence.get_mut(&sequence) {
            timer.cancel(sequence, commands);
        }
    }

    /// Cancels every open timer.
    pub(super) fn cancel_all(&mut self, commands: &mut Commands) {
        for (sequence, timer) in &mut self.by_sequence {
            timer.cancel(*sequence, commands);
        }
    }

    /// A timer was recorded as started. Its recorded duration counts, even if the code asks for another one now.
    pub(super) fn started(&mut self, sequence: u32, event_id: EventId, time: Timestamp, length_ms: i64) {
        let Some(timer) = self.by_sequence.get_mut(&sequence) else { return };
        if timer.state == State::Requested {
            let due = Timestamp(time.0.saturating_add(length_ms));
            timer.state = State::Running { started_event_id: event_id, due };
        }
    }

    /// A timer was recorded as canceled.
    pub(super) fn canceled(&mut self, sequence: u32) {
        if self.by_sequence.get(&sequence).is_some_and(|timer| timer.state == State::CancelRequested) {
            self.by_sequence.remove(&sequence);
        }
    }

    /// Whether the code may be waiting for a timer.
    pub(super) fn has_open(&self) -> bool {
        self.by_sequence
            .values()
            .any(|timer| timer.state != State::CancelRequested && timer.outcome.is_none())
    }

    /// A timer fired; `Err` if the run has no such running timer.
    pub(super) fn fired(&mut self, event: &TimerFired) -> Result<(), String> {
        let running = self.by_sequence.values_mut().find(|timer| {
            matches!(timer.state, State::Running { started_event_id, .. } if started_event_id == event.started_event_id)
        });
        let timer = running
            .ok_or_else(|| format!("no running timer was started by event {}", event.started_event_id))?;
        timer.settle(TimerOutcome::Fired);
        Ok(())
    }

    /// When the next timer fires.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.running().map(|(_, _, due)| due).min()
    }

    /// The earliest timer that is due by `now`; of two with the same time, the older one.
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
            State::Requested | State::Running { .. } | State::CancelRequested => None,
        })
    }
}

impl Timer {
    fn cancel(&mut self, sequence: u32, commands: &mut Commands) {
        if self.outcome.is_some() {
            return;
        }
        match self.state {
            State::Requested => {
                self.settle(TimerOutcome::Canceled);
                commands.withdraw(sequence);
            }
            State::Running { started_event_id, .. } => {
                self.settle(TimerOutcome::Canceled);
                self.state = State::CancelRequested;
                let attributes = TimerCanceled { timer_id: sequence.to_string(), started_event_id };
                commands.give(sequence, CommandKind::CancelTimer(attributes));
            }
            State::CancelRequested => {}
        }
    }

    fn settle(&mut self, outcome: TimerOutcome) {
        self.outcome = Some(outcome);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
