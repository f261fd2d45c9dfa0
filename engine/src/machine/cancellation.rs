//! The request to cancel the run.
//!
//! | state | somebody waits for it | is requested |
//! | --- | --- | --- |
//! | not requested | is woken when it comes | → requested; pending activities and timers end with `Canceled` |
//! | requested | goes on at once | – |
//!
//! It reaches whatever the code waits for now, once. What the code asks for afterwards works as ever, so that it
//! can clean up.

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

    /// Whether cancellation was asked for; otherwise leaves word whom to wake, in the place that `waiter` names.
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

    /// Nobody waits in this place any more.
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
    /// Whether somebody waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiters.is_empty()
    }
}
