//! A clock that stands still while this process does.
//!
//! A container that is paused, a laptop that sleeps or a stopped process must not use up the time of a test. None of
//! them can be asked for, but each shows as a gap between two ticks of a thread that only ticks. A gap counts for
//! [`GAP_MAX`] at most, so a pause costs a test no more than that, however long it was.

use std::{
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

const TICK_EVERY: Duration = Duration::from_millis(20);
/// A busy machine may be late by some ticks, and was running all the same.
const GAP_MAX: Duration = Duration::from_millis(200);

/// Measures how long this process has been running since [`start`](Self::start): pauses of the process, of its
/// container and of the machine do not count.
#[derive(Debug)]
pub struct Stopwatch {
    started: Duration,
}

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self { started: clock().join() }
    }

    /// The time since the start in which this process was running.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        clock().now().saturating_sub(self.started)
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        clock().state().users -= 1;
    }
}

struct Clock {
    state: Mutex<State>,
    wanted: Condvar,
}

#[derive(Debug)]
struct State {
    /// How many stopwatches there are. The thread sleeps while there are none.
    users: usize,
    ticked_at: Instant,
    running: Duration,
}

fn clock() -> &'static Clock {
    static CLOCK: OnceLock<Clock> = OnceLock::new();

    CLOCK.get_or_init(|| {
        let state = State { users: 0, ticked_at: Instant::now(), running: Duration::ZERO };
        // Without the thread, only those who read the clock move it. The watchdog of a command does so all the time.
        let ticking = std::thread::Builder::new().name("sandbox-clock".into());
        let _ = ticking.spawn(|| clock().tick());
        Clock { state: Mutex::new(state), wanted: Condvar::new() }
    })
}

impl Clock {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of another thread leaves no number half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self) -> Duration {
        let mut state = self.state();
        if state.users == 0 {
            state.ticked_at = Instant::now();
            self.wanted.notify_one();
        }
        state.users += 1;
        state.advance(Instant::now())
    }

    fn now(&self) -> Duration {
        self.state().advance(Instant::now())
    }

    fn tick(&self) {
        let mut state = self.state();
        loop {
            let waited = if state.users == 0 {
                self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.wanted.wait_timeout(state, TICK_EVERY);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
            state = waited;
            state.advance(Instant::now());
        }
    }
}

impl State {
    fn advance(&mut self, now: Instant) -> Duration {
        self.running += now.saturating_duration_since(self.ticked_at).min(GAP_MAX);
        self.ticked_at = now;
        self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_between_two_ticks_counts_for_no_more_than_its_bound() {
        let start = Instant::now();
        let mut state = State { users: 1, ticked_at: start, running: Duration::ZERO };
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(state.advance(at(150)), Duration::from_millis(150));
        assert_eq!(state.advance(at(3_600_000)), Duration::from_millis(350), "an hour's pause");
        assert_eq!(state.advance(at(3_600_020)), Duration::from_millis(370));
    }
}
