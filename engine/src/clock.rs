//! Time. All code takes it from a [`Clock`], so that tests can control it.

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A time in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later than every real time; a row with it is never due.
    pub const NEVER: Self = Self(i64::MAX);

    /// The time as a calendar date, for people and for the API.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Duration since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(millis(length)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(millis(length)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A duration in whole milliseconds, as stored; durations over 292 million years saturate.
#[must_use]
pub fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Source of time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The time since some moment in the past. Nobody sets it, and it goes on while the process is stopped or the
    /// machine suspended.
    fn uptime(&self) -> Duration;

    /// Returns when the current time has reached `due`.
    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()>;

    /// Returns after this length, whatever is set meanwhile. For what has nothing to do with the time of day.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time enters the program")]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }

    fn uptime(&self) -> Duration {
        // Elsewhere the monotonic clock goes on during a suspension; on Linux it does not.
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        rustix::time::clock_gettime(CLOCK).try_into().unwrap_or_default()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where time enters the program")]
    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        // A sleep of more than a year is cut: its caller looks at the time again anyway.
        let length = due.since(self.now()).min(Duration::from_secs(366 * 24 * 3600));
        Box::pin(tokio::time::sleep(length))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where time enters the program")]
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct ManualClock {
    shown: watch::Sender<Shown>,
    sleepers: Arc<Mutex<Vec<Sleeper>>>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    now: Timestamp,
    uptime: Duration,
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy)]
enum Sleeper {
    Until(Timestamp),
    Uptime(Duration),
}

impl Sleeper {
    /// How long it still sleeps.
    fn left(self, shown: Shown) -> Duration {
        match self {
            Self::Until(due) => due.since(shown.now),
            Self::Uptime(due) => due.saturating_sub(shown.uptime),
        }
    }
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let shown = Shown { now, uptime: now.since(Timestamp(0)) };
        Self { shown: watch::Sender::new(shown), sleepers: Arc::default() }
    }

    /// Moves the clock forward.
    pub fn advance(&self, length: Duration) {
        self.shown.send_modify(|shown| {
            shown.now = shown.now + length;
            shown.uptime += length;
        });
    }

    /// Sets the time of day, as an administrator or a time server does. No time passes.
    pub fn set(&self, now: Timestamp) {
        self.shown.send_modify(|shown| shown.now = now);
    }

    /// Moves the clock to the next instant that somebody sleeps until, and tells how far that was.
    ///
    /// `None`, and no movement, when nobody sleeps.
    #[must_use]
    pub fn skip_to_next_sleeper(&self) -> Option<Duration> {
        let shown = *self.shown.borrow();
        let mut sleepers = self.sleepers.lock().expect("no sleeper panics while it holds the list");
        sleepers.retain(|sleeper| !sleeper.left(shown).is_zero());
        let next = sleepers.iter().map(|sleeper| sleeper.left(shown)).min()?;
        drop(sleepers);
        self.advance(next);
        Some(next)
    }

    fn sleep_as(&self, sleeper: Sleeper) -> BoxFuture<'static, ()> {
        let mut shown = self.shown.subscribe();
        if !sleeper.left(*shown.borrow()).is_zero() {
            self.sleepers.lock().expect("no sleeper panics while it holds the list").push(sleeper);
        }
        Box::pin(async move {
            // An error means that the clock is gone, and with it every reason to wait.
            let _ = shown.wait_for(|shown| sleeper.left(*shown).is_zero()).await;
        })
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.shown.borrow().now
    }

    fn uptime(&self) -> Duration {
        self.shown.borrow().uptime
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        if due == Timestamp::NEVER {
            return Box::pin(std::future::pending());
        }
        self.sleep_as(Sleeper::Until(due))
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.sleep_as(Sleeper::Uptime(self.uptime().saturating_add(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_when_it_reaches_them() {
        let clock = ManualClock::new(Timestamp(0));
        let sleeper = tokio::spawn(clock.sleep_until(Timestamp(30_000)));
        assert_eq!(clock.skip_to_next_sleeper(), Some(Duration::from_secs(30)));
        sleeper.await.unwrap();
        assert_eq!(clock.skip_to_next_sleeper(), None);
    }

    #[tokio::test]
    async fn who_sleeps_for_a_length_does_not_see_the_clock_being_set() {
        let clock = ManualClock::new(Timestamp(3_600_000));
        let sleeper = tokio::spawn(clock.sleep(Duration::from_secs(30)));
        clock.set(Timestamp(0));
        assert_eq!(clock.skip_to_next_sleeper(), Some(Duration::from_secs(30)));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), Timestamp(30_000));
    }

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(Timestamp(1_500).to_string(), "1970-01-01T00:00:01.500Z");
    }
}
