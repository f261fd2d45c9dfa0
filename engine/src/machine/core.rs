use std::{
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{
    activity::{Activities, ActivityOutcome, ActivityRequest},
    cancellation::Cancellation,
    commands::Commands,
    timer::{TimerOutcome, Timers},
};
use crate::clock::Timestamp;

/// State that the workflow's future and the machine share. Only one thread uses it at a time.
#[derive(Clone)]
pub(crate) struct SharedCore(Arc<Mutex<Core>>);

impl SharedCore {
    pub(crate) fn new(now: Timestamp, seed: u64, build_id: Option<String>) -> Self {
        Self(Arc::new(Mutex::new(Core {
            now,
            build_id,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            commands: Commands::default(),
            activities: Activities::default(),
            timers: Timers::default(),
            cancellation: Cancellation::default(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic of workflow code leaves the core as it was between two of its methods, and such a run is dropped.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The state of a run between two events.
pub(crate) struct Core {
    /// Time of the event that is being processed; the only time that workflow code sees.
    pub(crate) now: Timestamp,
    /// Build of the code. The code itself does not see it, since replay by another build would change it.
    build_id: Option<String>,
    /// Named, because replay repeats its numbers: a generator that a library may exchange would change them.
    random: Xoshiro256PlusPlus,
    pub(super) commands: Commands,
    pub(super) activities: Activities,
    pub(super) timers: Timers,
    cancellation: Cancellation,
}

/// What workflow code asks for.
impl Core {
    /// Schedules an activity and returns its number.
    pub(crate) fn schedule_activity(&mut self, mut request: ActivityRequest) -> u32 {
        request.build_id.clone_from(&self.build_id);
        self.activities.schedule(request, &mut self.commands)
    }

    /// Returns the outcome of an activity if there is one, else stores the waker.
    pub(crate) fn poll_activity(&mut self, sequence: u32, waker: &Waker) -> Option<ActivityOutcome> {
        self.activities.poll(sequence, waker)
    }

    /// Requests cancellation of an activity. Its future, if the code still holds it, returns `Canceled`.
    pub(crate) fn cancel_activity(&mut self, sequence: u32) {
        self.activities.cancel(sequence, &mut self.commands);
    }

    /// Starts a timer and returns its number.
    pub(crate) fn start_timer(&mut self, length: Duration) -> u32 {
        self.timers.start(length, &mut self.commands)
    }

    /// Returns the outcome of a timer if there is one, else stores the waker.
    pub(crate) fn poll_timer(&mut self, sequence: u32, waker: &Waker) -> Option<TimerOutcome> {
        self.timers.poll(sequence, waker)
    }

    /// Cancels a timer. Its future, if the code still holds it, returns `Canceled`.
    pub(crate) fn cancel_timer(&mut self, sequence: u32) {
        self.timers.cancel(sequence, &mut self.commands);
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.cancellation.is_requested()
    }

    /// Whether cancellation is requested; if not, stores the waker under the number `waiter`.
    pub(crate) fn poll_cancellation(&mut self, waiter: &mut Option<u64>, waker: &Waker) -> bool {
        self.cancellation.poll(waiter, waker)
    }

    /// Removes the waker of a future that was dropped.
    pub(crate) fn leave_cancellation(&mut self, waiter: u64) {
        self.cancellation.leave(waiter);
    }

    pub(crate) fn random_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}

/// What the run does with it.
impl Core {
    /// Ends what is open: the activities and timers, and the code's wait for the request.
    pub(super) fn request_cancellation(&mut self) {
        if self.cancellation.request() {
            self.activities.cancel_all(&mut self.commands);
            self.timers.cancel_all(&mut self.commands);
        }
    }

    /// Whether an activity, timer or cancel request could still wake the code.
    pub(super) fn has_open_waits(&self) -> bool {
        self.activities.has_open() || self.timers.has_open() || self.cancellation.is_awaited()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_random_numbers_of_a_seed_never_change() {
        let core = SharedCore::new(Timestamp(0), 7, None);
        let numbers: Vec<u64> = (0..3).map(|_| core.lock().random_u64()).collect();
        assert_eq!(
            numbers,
            [1_021_219_803_524_665_661, 3_174_977_118_032_272_916, 13_236_943_193_235_544_178]
        );
    }
}
