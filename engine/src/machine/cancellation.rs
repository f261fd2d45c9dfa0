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

use super::Core;

#[derive(Default)]
pub(crate) struct Cancellation {
    requested: bool,
    last_waiter: u64,
    waiters: BTreeMap<u64, Waker>,
}

impl Core {
    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.cancellation.requested
    }

    /// Whether cancellation is requested; if not, stores the waker under the number `waiter`.
    pub(crate) fn poll_cancellation(&mut self, waiter: &mut Option<u64>, waker: &Waker) -> bool {
        let cancellation = &mut self.cancellation;
        if !cancellation.requested {
            let key = *waiter.get_or_insert_with(|| {
                cancellation.last_waiter += 1;
                cancellation.last_waiter
            });
            cancellation.waiters.insert(key, waker.clone());
        }
        cancellation.requested
    }

    /// Removes the waker of a future that was dropped.
    pub(crate) fn leave_cancellation(&mut self, waiter: u64) {
        self.cancellation.waiters.remove(&waiter);
    }

    pub(super) fn request_cancellation(&mut self) {
        if self.cancellation.requested {
            return;
        }
        self.cancellation.requested = true;
        std::mem::take(&mut self.cancellation.waiters).into_values().for_each(Waker::wake);
        self.cancel_all_activities();
        self.cancel_all_timers();
    }
}

impl Cancellation {
    /// Whether the code waits for a cancel request.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiters.is_empty()
    }
}
