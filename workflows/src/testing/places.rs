//! The places where tests run on a worker. Tests are work for the processor: more at once than there are cores would
//! only exceed their times together.
//!
//! The test that has waited longest gets the next place, whatever order the tests came in: after a restart of the worker
//! they come again in any order, each with the time since when it waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ctutor_engine::clock::Timestamp;
use tokio::sync::oneshot;

/// All places of a worker, and those who wait for one.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// More than none only when nobody waits.
    free: usize,
    waiting: BTreeMap<Turn, oneshot::Sender<TestPlace>>,
    /// Tells apart those who wait since the same instant.
    serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    since: Timestamp,
    serial: u64,
}

/// A place where tests run, until this is dropped.
#[derive(Debug)]
pub(super) struct TestPlace(Places);

/// Somebody who waits for a place. Whoever drops this leaves the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    places: Places,
    turn: Turn,
    granted: oneshot::Receiver<TestPlace>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: count.max(1), waiting: BTreeMap::new(), serial: 0 })))
    }

    /// Joins the queue as one who waits since that instant.
    pub(super) fn join(&self, since: Timestamp) -> Waiting {
        let (grant, granted) = oneshot::channel();
        let mut state = self.state();
        let turn = Turn { since, serial: state.serial };
        state.serial += 1;
        if state.free > 0 {
            state.free -= 1;
            // The receiver is here, so this cannot fail.
            let _ = grant.send(TestPlace(self.clone()));
        } else {
            state.waiting.insert(turn, grant);
        }
        drop(state);
        Waiting { places: self.clone(), turn, granted }
    }

    fn release(&self) {
        let next = {
            let mut state = self.state();
            let next = state.waiting.pop_first();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some((_, grant)) = next {
            // One who has just left the queue drops the place, which goes to the next then.
            let _ = grant.send(TestPlace(self.clone()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Returns when it is this one's turn; may be dropped and called again without losing the turn.
    pub(super) async fn place(&mut self) -> Option<TestPlace> {
        (&mut self.granted).await.ok()
    }

    /// How many get a place before this one.
    pub(super) fn before(&self) -> usize {
        self.places.state().waiting.range(..self.turn).count()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.places.state().waiting.remove(&self.turn);
    }
}

impl Drop for TestPlace {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn place(waiting: &mut Waiting) -> Option<TestPlace> {
        waiting.place().now_or_never().flatten()
    }

    #[test]
    fn who_waits_longest_comes_first_whatever_the_order_of_coming() {
        let places = Places::new(1);
        let held = place(&mut places.join(Timestamp(50))).unwrap();
        let mut late = places.join(Timestamp(40));
        let mut early = places.join(Timestamp(10));
        let mut twin = places.join(Timestamp(40));
        assert_eq!([early.before(), late.before(), twin.before()], [0, 1, 2]);
        assert!(place(&mut early).is_none());
        drop(held);
        assert!(place(&mut late).is_none());
        let held = place(&mut early).unwrap();
        assert_eq!([late.before(), twin.before()], [0, 1]);
        drop(held);
        drop(place(&mut late).unwrap());
        place(&mut twin).unwrap();
    }

    #[test]
    fn one_who_leaves_takes_no_place_along() {
        let places = Places::new(2);
        let [first, second] = [0, 1].map(|since| place(&mut places.join(Timestamp(since))).unwrap());
        let leaves = places.join(Timestamp(2));
        let granted = places.join(Timestamp(3));
        let mut last = places.join(Timestamp(4));
        drop(leaves);
        assert_eq!(last.before(), 1);
        // Given a place, and gone before looking at it.
        drop(first);
        drop(granted);
        let third = place(&mut last).unwrap();
        assert_eq!(places.state().free, 0);
        drop((second, third));
        assert_eq!(places.state().free, 2);
    }
}
