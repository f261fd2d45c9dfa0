//! Joining the steps of a run that came into the same batch.

use std::collections::HashMap;

use uuid::Uuid;

use super::{AfterStep, Step};
use crate::ids::EventId;

/// Consecutive steps of a run, as one.
pub(super) struct Chain {
    pub(super) step: Step,
    /// Which items of the batch it is made of.
    pub(super) items: Vec<usize>,
}

/// Names a chain within a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ChainKey {
    pub(super) run_id: Uuid,
    pub(super) epoch: i64,
    pub(super) next_event_id: EventId,
}

impl Chain {
    pub(super) fn key(&self) -> ChainKey {
        let Step { run_id, epoch, .. } = self.step;
        ChainKey { run_id: run_id.0, epoch, next_event_id: self.step.end() }
    }
}

/// Joins consecutive steps. One that does not follow its predecessor begins a chain of its own, since whose lease
/// is the right one only the database can tell; of two chains that begin alike the second cannot be right.
pub(super) fn merge(items: &[Step]) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::with_capacity(items.len());
    let mut of_run: HashMap<Uuid, Vec<usize>> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let known = of_run.entry(item.run_id.0).or_default();
        if let Some(&last) = known.last()
            && chains[last].step.is_followed_by(item)
        {
            chains[last].step.absorb(item.clone());
            chains[last].items.push(index);
        } else if !known.iter().any(|chain| chains[*chain].step.begins_like(item)) {
            known.push(chains.len());
            chains.push(Chain { step: item.clone(), items: vec![index] });
        }
    }
    chains
}

impl Step {
    /// The event that would follow its events.
    pub(super) fn end(&self) -> EventId {
        self.expected_event_id + i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    fn begins_like(&self, other: &Self) -> bool {
        (self.epoch, self.expected_event_id) == (other.epoch, other.expected_event_id)
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        (self.owner, self.epoch, self.end()) == (next.owner, next.epoch, next.expected_event_id)
            && matches!(self.after, AfterStep::Keep)
    }

    fn absorb(&mut self, next: Self) {
        self.events.extend(next.events);
        self.consumed_messages = self.consumed_messages.max(next.consumed_messages);
        for closed in next.closed {
            let before = self.scheduled.len();
            self.scheduled.retain(|new| new.scheduled_event_id != closed.scheduled_event_id);
            if self.scheduled.len() == before {
                self.closed.push(closed);
            }
        }
        self.scheduled.extend(next.scheduled);
        self.cancel_requested.extend(next.cancel_requested);
        self.started = self.started.take().or(next.started);
        self.after = next.after;
    }
}
