//! Which kinds of tasks the poller should claim, and when.
//!
//! Every claim is a statement of the one writer, so the poller claims only kinds of tasks that may be due: after a
//! hint, at a known time, or when a slot becomes free while tasks are waiting for one. Losing any of this costs one
//! polling interval.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{clock::Timestamp, store::TaskKind};

/// Maximum number of remembered times, the earliest ones; polling finds what is due at others.
const WAKE_UPS_MAX: usize = 10_000;

/// A set of kinds of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::worker) struct Kinds {
    workflow: bool,
    activity: bool,
}

#[derive(Debug, Default)]
pub(in crate::worker) struct Due {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    wanted: Kinds,
    /// Whether more tasks were due than there were free slots.
    starved: Kinds,
    wake_ups: BTreeSet<(Timestamp, TaskKind)>,
}

impl Kinds {
    pub(in crate::worker) const ALL: Self = Self { workflow: true, activity: true };

    pub(in crate::worker) fn contains(self, kind: TaskKind) -> bool {
        match kind {
            TaskKind::Workflow => self.workflow,
            TaskKind::Activity => self.activity,
        }
    }

    fn is_empty(self) -> bool {
        !self.workflow && !self.activity
    }

    fn set(&mut self, kind: TaskKind, present: bool) {
        match kind {
            TaskKind::Workflow => self.workflow = present,
            TaskKind::Activity => self.activity = present,
        }
    }
}

impl Due {
    /// Tasks of the kind may be due now.
    pub(in crate::worker) fn look_for(&self, kind: TaskKind) {
        self.state().wanted.set(kind, true);
        self.news.notify_one();
    }

    /// Tasks of the kind may be due at this time.
    pub(in crate::worker) fn look_at(&self, at: Timestamp, kind: TaskKind) {
        if at >= Timestamp::NEVER {
            return;
        }
        let mut state = self.state();
        let earliest = state.wake_ups.first().is_none_or(|first| (at, kind) < *first);
        state.wake_ups.insert((at, kind));
        if state.wake_ups.len() > WAKE_UPS_MAX {
            state.wake_ups.pop_last();
        }
        drop(state);
        if earliest {
            self.news.notify_one();
        }
    }

    /// Sets whether tasks of the kind wait for a free slot.
    pub(in crate::worker) fn set_starved(&self, kind: TaskKind, starved: bool) {
        self.state().starved.set(kind, starved);
    }

    pub(in crate::worker) fn is_starved(&self, kind: TaskKind) -> bool {
        self.state().starved.contains(kind)
    }

    /// A slot for a task of the kind is free again.
    pub(in crate::worker) fn place_is_free(&self, kind: TaskKind) {
        if self.state().starved.contains(kind) {
            self.look_for(kind);
        }
    }

    /// Takes the kinds to claim now.
    pub(in crate::worker) fn take(&self, now: Timestamp) -> Kinds {
        let mut state = self.state();
        let later = state.wake_ups.split_off(&(Timestamp(now.0 + 1), TaskKind::Workflow));
        let come = std::mem::replace(&mut state.wake_ups, later);
        for (_, kind) in come {
            state.wanted.set(kind, true);
        }
        std::mem::take(&mut state.wanted)
    }

    /// The next time to claim, if one is known.
    pub(in crate::worker) fn next(&self) -> Option<Timestamp> {
        self.state().wake_ups.first().map(|(at, _)| *at)
    }

    /// Returns when there is something to claim at once, or an earlier time to claim; sometimes also when there is
    /// not.
    pub(in crate::worker) async fn changed(&self) {
        if self.state().wanted.is_empty() {
            self.news.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Kinds = Kinds { workflow: false, activity: false };
    const WORKFLOWS: Kinds = Kinds { workflow: true, activity: false };
    const ACTIVITIES: Kinds = Kinds { workflow: false, activity: true };

    #[test]
    fn what_was_taken_is_not_wanted_any_more() {
        let due = Due::default();
        due.look_for(TaskKind::Activity);
        assert_eq!(due.take(Timestamp(0)), ACTIVITIES);
        assert_eq!(due.take(Timestamp(0)), NOTHING);
    }

    #[test]
    fn an_instant_is_wanted_when_it_has_come() {
        let due = Due::default();
        due.look_at(Timestamp(10), TaskKind::Activity);
        due.look_at(Timestamp(5), TaskKind::Workflow);
        due.look_at(Timestamp::NEVER, TaskKind::Workflow);
        assert_eq!(due.next(), Some(Timestamp(5)));
        assert_eq!(due.take(Timestamp(4)), NOTHING);
        assert_eq!(due.take(Timestamp(5)), WORKFLOWS);
        assert_eq!(due.next(), Some(Timestamp(10)));
        assert_eq!(due.take(Timestamp(100)), ACTIVITIES);
        assert_eq!(due.next(), None);
    }

    #[test]
    fn a_free_place_matters_only_while_something_waits_for_one() {
        let due = Due::default();
        due.place_is_free(TaskKind::Workflow);
        assert_eq!(due.take(Timestamp(0)), NOTHING);
        due.set_starved(TaskKind::Workflow, true);
        due.place_is_free(TaskKind::Activity);
        assert_eq!(due.take(Timestamp(0)), NOTHING);
        due.place_is_free(TaskKind::Workflow);
        assert_eq!(due.take(Timestamp(0)), WORKFLOWS);
    }
}
