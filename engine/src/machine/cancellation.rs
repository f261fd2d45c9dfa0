//! The request to cancel the run.
//!
//! | state | the code waits for it | is requested |
//! | --- | --- | --- |
//! | not requested | is woken by the request | → requested; pending activities and timers end with `Canceled` |
//! | requested | continues at once | – |
//!
//! A request cancels the activities and timers that are open when it arrives. Those that the code starts afterwards
//! work as usual, so that it can clean up.

use std::{collections::BTreeMap, task::Waker};

#[derive(Default)]
pub(crate) struct Cancellation {
    requested: bool,
    last_waiter: u64,
    waiters: BTreeMap<u64, Waker>,
}

impl Cancellation {
    pub(super) fn is_requested(&self) -> bool {
        self.requested
    }

    /// Wakes the code that waits for the request. Returns whether this is the first one.
    pub(super) fn request(&mut self) -> bool {
        let is_first = !self.requested;
        self.requested = true;
        std::mem::take(&mut self.waiters).into_values().for_each(Waker::wake);
        is_first
    }

    /// Whether cancellation is requested; if not, stores the waker under the number `waiter`.
    pub(super) fn poll(&mut self, waiter: &mut Option<u64>, waker: &Waker) -> bool {
        if !self.requested {
            let key = *waiter.get_or_insert_with(|| {
                self.last_waiter += 1;
                self.last_waiter
            });
            self.waiters.insert(key, waker.clone());
        }
        self.requested
    }

    /// Removes the waker of a future that was dropped.
    pub(super) fn leave(&mut self, waiter: u64) {
        self.waiters.remove(&waiter);
    }

    /// Whether the code waits for a cancel request.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiters.is_empty()
    }
}
