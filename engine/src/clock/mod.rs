//! Time. All code takes it from a [`Clock`], so that tests can control it.

mod busy;
mod manual;
mod server;

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use busy::Busy;
pub(crate) use busy::Work;
pub use manual::{ManualClock, Stuck};
pub use server::ServerClock;

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

    /// Returns after this length, whatever is set meanwhile. For what has nothing to do with the time of day: looks that
    /// are repeated and mostly find nothing, such as a poll, a renewal of leases or maintenance. A clock that skips
    /// ahead need not stop at each of them.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()>;

    /// The count of the work in flight, for a clock that stands still until there is none.
    fn busy(&self) -> Busy {
        Busy::default()
    }

    /// How far the time of day of the machine is from that of the database; `None` as long as nobody has compared them.
    fn offset(&self) -> Option<ClockOffset> {
        None
    }
}

/// How far the time of day of a machine is from that of the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockOffset {
    /// Milliseconds by which the machine is ahead; negative when it is behind.
    pub ahead_ms: i64,
    /// How far that may be off, either way.
    pub uncertainty: Duration,
}

/// What an operator is told of the time of day of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// It is that of the database, as far as matters.
    Synchronized,
    /// It is later.
    Ahead,
    /// It is earlier.
    Behind,
}

impl ClockOffset {
    /// What is told: more than a second is too much.
    pub const TOLD_FROM: Duration = Duration::from_secs(1);

    /// What to tell of it.
    #[must_use]
    pub fn state(self) -> ClockState {
        // Off only if it surely is, whatever the uncertainty hides.
        if Duration::from_millis(self.ahead_ms.unsigned_abs()) <= Self::TOLD_FROM + self.uncertainty {
            ClockState::Synchronized
        } else if self.ahead_ms > 0 {
            ClockState::Ahead
        } else {
            ClockState::Behind
        }
    }

    /// In seconds; negative when the machine is behind.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
    pub fn seconds(self) -> f64 {
        self.ahead_ms as f64 / 1_000.0
    }
}

/// The clock of the machine, which is that of the database where this is a file.
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

    fn offset(&self) -> Option<ClockOffset> {
        Some(ClockOffset::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(Timestamp(1_500).to_string(), "1970-01-01T00:00:01.500Z");
    }
}
