//! The time of a database server, as a process knows it without asking each time.
//!
//! | what happens | what the clock shows |
//! | --- | --- |
//! | nothing was measured yet | the time of the machine |
//! | a measure agrees with what is known | what it showed before, or what the more exact of both says |
//! | a measure contradicts it: somebody set the clock of the server, or another server took over | what the measure says |
//! | the time of the machine is set | the same as before: between measures it goes by the uptime |
//! | the machine was suspended | the time of the server, as the uptime goes on; who sleeps is woken |
//! | the server does not answer | the same as before, as exact as quartz |

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Busy, Clock, ClockOffset, Timestamp};

/// How much the uptime of a machine goes wrong in a second, at worst.
const DRIFT_PER_SECOND: Duration = Duration::from_micros(500);
/// Steps back up to this are not shown: the clock waits until time has caught up. A longer one is a clock that was set.
const HELD_BACK_MAX: Duration = Duration::from_secs(1);
/// Smaller corrections wake nobody; who sleeps looks at the time again when he wakes up.
const WAKING_STEP: Duration = Duration::from_millis(10);
/// Longest sleep until the clock is looked at again.
const SLEEP_MAX: Duration = Duration::from_secs(24 * 3600);

/// A clock that shows the time of a database server, whatever the machine's time of day is. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct ServerClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    machine: Arc<dyn Clock>,
    known: Mutex<Known>,
    /// Who sleeps until a time has to look at the clock again.
    moved: watch::Sender<()>,
}

#[derive(Debug)]
struct Known {
    measure: Option<Measure>,
    /// The last time that was shown.
    shown: Timestamp,
}

/// What the clock of the server showed when the machine had been up for some time.
#[derive(Debug, Clone, Copy)]
struct Measure {
    server: Duration,
    uptime: Duration,
    /// How far `server` may be off, either way.
    uncertainty: Duration,
}

impl Measure {
    /// What the clock of the server shows at an uptime.
    fn server_at(&self, uptime: Duration) -> Duration {
        let since = uptime.saturating_sub(self.uptime);
        (self.server + since).saturating_sub(self.uptime.saturating_sub(uptime))
    }

    /// How far that may be off.
    fn uncertainty_at(&self, uptime: Duration) -> Duration {
        let since = uptime.saturating_sub(self.uptime);
        self.uncertainty + DRIFT_PER_SECOND.mul_f64(since.as_secs_f64())
    }
}

impl ServerClock {
    /// The clock of a server that was not asked yet.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        let known = Mutex::new(Known { measure: None, shown: Timestamp(i64::MIN) });
        Self { inner: Arc::new(Inner { machine, known, moved: watch::Sender::new(()) }) }
    }

    /// Takes what the server answered, as the time since 1970, between two uptimes.
    pub(crate) fn measured(&self, server: Duration, asked: Duration, answered: Duration) {
        let uncertainty = answered.saturating_sub(asked) / 2;
        let new = Measure { server, uptime: asked + uncertainty, uncertainty };
        let mut known = self.known();
        let corrected_by = match known.measure {
            None => Duration::MAX,
            Some(before) => {
                let apart = before.server_at(new.uptime).abs_diff(new.server);
                let trusted = before.uncertainty_at(new.uptime);
                let contradicts = apart > trusted + new.uncertainty;
                if !contradicts && new.uncertainty >= trusted {
                    return;
                }
                apart
            }
        };
        known.measure = Some(new);
        drop(known);
        if corrected_by >= WAKING_STEP {
            self.look_again();
        }
    }

    /// Lets all who sleep until a time look at the clock again, as after a suspension, in which sleep does not go on.
    pub(crate) fn look_again(&self) {
        self.inner.moved.send_replace(());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let mut known = self.known();
        let now = match known.measure {
            None => self.inner.machine.now(),
            Some(measure) => Timestamp(super::millis(measure.server_at(self.inner.machine.uptime()))),
        };
        if known.shown.since(now) <= HELD_BACK_MAX {
            known.shown = known.shown.max(now);
        } else {
            known.shown = now;
        }
        known.shown
    }

    fn uptime(&self) -> Duration {
        self.inner.machine.uptime()
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let mut moved = clock.inner.moved.subscribe();
        Box::pin(async move {
            loop {
                let left = due.since(clock.now());
                if left.is_zero() {
                    return;
                }
                tokio::select! {
                    () = clock.inner.machine.sleep(left.min(SLEEP_MAX)) => {}
                    // The sender is part of the clock that is held here.
                    _ = moved.changed() => {}
                }
            }
        })
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.inner.machine.sleep(length)
    }

    fn busy(&self) -> Busy {
        self.inner.machine.busy()
    }

    fn offset(&self) -> Option<ClockOffset> {
        let measure = self.known().measure?;
        let uptime = self.inner.machine.uptime();
        let server = super::millis(measure.server_at(uptime));
        let ahead_ms = self.inner.machine.now().0.saturating_sub(server);
        Some(ClockOffset { ahead_ms, uncertainty: measure.uncertainty_at(uptime) })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ManualClock, *};

    const NOON: Timestamp = Timestamp(1_700_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    fn since_1970(time: Timestamp) -> Duration {
        time.since(Timestamp(0))
    }

    /// A machine whose time of day is wrong, and the clock of a server that shows noon.
    fn wrong_by(offset_ms: i64) -> (ManualClock, ServerClock) {
        let machine = ManualClock::new(Timestamp(NOON.0 + offset_ms));
        let clock = ServerClock::new(Arc::new(machine.clone()));
        measure(&clock, NOON, MS);
        (machine, clock)
    }

    /// The server answers that it is `server` now, after a round trip of twice the uncertainty.
    fn measure(clock: &ServerClock, server: Timestamp, uncertainty: Duration) {
        let uptime = clock.uptime();
        clock.measured(since_1970(server), uptime.checked_sub(uncertainty).unwrap(), uptime + uncertainty);
    }

    #[test]
    fn the_time_is_that_of_the_server_and_the_offset_that_of_the_machine() {
        for offset_ms in [30_000, -30_000, 0, -1_699_999_000_000] {
            let (machine, clock) = wrong_by(offset_ms);
            machine.advance(10 * SECOND);
            assert_eq!(clock.now(), NOON + 10 * SECOND);
            let uncertainty = MS + 10 * DRIFT_PER_SECOND;
            assert_eq!(clock.offset(), Some(ClockOffset { ahead_ms: offset_ms, uncertainty }));
        }
    }

    #[test]
    fn a_machine_that_was_not_compared_goes_by_its_own_time() {
        let machine = ManualClock::new(NOON);
        let clock = ServerClock::new(Arc::new(machine));
        assert_eq!((clock.now(), clock.offset()), (NOON, None));
    }

    #[test]
    fn a_machine_whose_time_is_set_shows_the_same_and_tells_it_at_once() {
        let (machine, clock) = wrong_by(0);
        for offset_ms in [3_600_000, -3_600_000] {
            machine.set(Timestamp(NOON.0 + offset_ms));
            assert_eq!(clock.now(), NOON);
            assert_eq!(clock.offset().unwrap().ahead_ms, offset_ms);
        }
    }

    #[test]
    fn a_slow_answer_is_taken_only_if_it_contradicts_what_is_known() {
        let (_machine, clock) = wrong_by(0);
        measure(&clock, NOON + 300 * MS, 400 * MS);
        assert_eq!(clock.now(), NOON);
        measure(&clock, NOON + 500 * MS, 400 * MS);
        assert_eq!(clock.now(), NOON + 500 * MS);
    }

    #[test]
    fn small_corrections_never_show_a_time_before_one_that_was_shown() {
        let (machine, clock) = wrong_by(0);
        assert_eq!(clock.now(), NOON);
        measure(&clock, NOON - 20 * MS, MS);
        assert_eq!(clock.now(), NOON);
        machine.advance(30 * MS);
        assert_eq!(clock.now(), NOON + 10 * MS);
    }

    #[test]
    fn the_clock_follows_a_server_whose_clock_was_set() {
        let (_machine, clock) = wrong_by(0);
        for set in [NOON + 3_600 * SECOND, NOON - 3_600 * SECOND] {
            measure(&clock, set, MS);
            assert_eq!(clock.now(), set);
        }
    }

    #[tokio::test]
    async fn who_sleeps_wakes_up_by_the_time_of_the_server() {
        let (machine, clock) = wrong_by(30_000);
        let sleeper = tokio::spawn(clock.sleep_until(NOON + 60 * SECOND));
        while machine.skip_to_next_sleeper() != Some(60 * SECOND) {
            tokio::task::yield_now().await;
        }
        sleeper.await.unwrap();
        // One who sleeps already is woken when it turns out to be later.
        let sleeper = tokio::spawn(clock.sleep_until(NOON + 3_600 * SECOND));
        measure(&clock, NOON + 3_600 * SECOND, MS);
        sleeper.await.unwrap();
    }
}
