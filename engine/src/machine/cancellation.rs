//! The request to cancel the run.
//!
//! It reaches whatever the code waits for now, once: pending activities and timers end with `Canceled`.
//! What the code asks for afterwards works as ever, so that it can clean up.

use std::task::Waker;

use super::Core;

#[derive(Default)]
pub(crate) struct Cancellation {
    requested: bool,
    wakers: Vec<Waker>,
}

impl Core {
    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.cancellation.requested
    }

    /// Whether cancellation was asked for; otherwise leaves word whom to wake.
    pub(crate) fn poll_cancellation(&mut self, waker: &Waker) -> bool {
        if !self.cancellation.requested {
            self.cancellation.wakers.push(waker.clone());
            self.waits += 1;
        }
        self.cancellation.requested
    }

    pub(super) fn request_cancellation(&mut self) {
        if self.cancellation.requested {
            return;
        }
        self.cancellation.requested = true;
        self.cancellation.wakers.drain(..).for_each(Waker::wake);
        self.cancel_all_activities();
        self.cancel_all_timers();
    }
}
