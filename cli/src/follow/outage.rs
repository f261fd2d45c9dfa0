//! A server that is away: how long it is waited for, and when the user is told.

use std::time::Duration;

use ctutor_engine::clock::Timestamp;

use crate::{client::Error, config::Length, exit::Exit};

/// How often the user is told that the server is still away.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// The waits between two tries double from the first to the last.
const RETRY_WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// A time without the server.
#[derive(Debug)]
pub(crate) struct Outage {
    began_at: Timestamp,
    give_up_at: Timestamp,
    tell_at: Timestamp,
    wait: Duration,
    retry_for: Duration,
    /// Why the last try failed.
    error: String,
    /// How long the server asked to wait then.
    retry_after: Option<Duration>,
}

impl Outage {
    pub(crate) fn new(now: Timestamp, retry_for: Duration, error: &anyhow::Error) -> Self {
        Self {
            began_at: now,
            give_up_at: now + retry_for,
            tell_at: now + TELL_INTERVAL,
            wait: RETRY_WAITS.0,
            retry_for,
            error: error.to_string(),
            retry_after: retry_after(error),
        }
    }

    /// What to say when it begins.
    pub(crate) fn beginning(&self) -> String {
        format!("{}; trying again for {}", self.error, Length(self.retry_for))
    }

    /// Takes the reason of a further failure.
    pub(crate) fn failed_again(&mut self, error: &anyhow::Error) {
        self.error = error.to_string();
        self.retry_after = retry_after(error);
        self.wait = (self.wait * 2).min(RETRY_WAITS.1);
    }

    /// What to say now, if it is time.
    pub(crate) fn told(&mut self, now: Timestamp) -> Option<String> {
        if now < self.tell_at {
            return None;
        }
        self.tell_at = now + TELL_INTERVAL;
        let (away, error) = (seconds(now.since(self.began_at)), &self.error);
        if now >= self.give_up_at {
            return Some(format!("still no connection after {away}: {error}; this is the last try"));
        }
        let left = seconds(self.give_up_at.since(now));
        Some(format!("still no connection after {away}: {error}; giving up in {left}"))
    }

    /// When something is to be said again.
    pub(crate) fn tell_at(&self) -> Timestamp {
        self.tell_at
    }

    /// When it is tried again, unless the time is over. The last try is at the end of the time, however long the wait
    /// or the server's wish, and may take as long as any other.
    pub(crate) fn next_try(&self, now: Timestamp) -> Option<Timestamp> {
        let wait = self.retry_after.map_or(self.wait, |asked| asked.max(self.wait));
        (now < self.give_up_at).then(|| (now + wait).min(self.give_up_at))
    }

    /// The error at the end.
    pub(crate) fn gave_up(&self, now: Timestamp) -> anyhow::Error {
        let passed = seconds(now.since(self.began_at));
        Exit::Unreachable.error(format!("gave up after trying again for {passed}: {}", self.error))
    }
}

fn retry_after(error: &anyhow::Error) -> Option<Duration> {
    error.downcast_ref::<Error>()?.retry_after()
}

/// Whole seconds, and less than one in milliseconds.
fn seconds(length: Duration) -> Length {
    let whole = if length.as_secs() > 0 {
        Duration::from_secs(length.as_secs())
    } else {
        Duration::from_millis(u64::from(length.subsec_millis()))
    };
    Length(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_told_each_ten_seconds_until_the_limit() {
        let mut outage = Outage::new(Timestamp(0), Duration::from_secs(25), &anyhow::anyhow!("refused"));
        assert_eq!(outage.beginning(), "refused; trying again for 25s");
        let (mut now, mut told) = (Timestamp(0), Vec::new());
        while let Some(at) = outage.next_try(now) {
            for due in [outage.tell_at(), at].into_iter().filter(|due| *due <= at) {
                told.extend(outage.told(due));
            }
            now = at;
            outage.failed_again(&anyhow::anyhow!("timed out"));
        }
        assert_eq!(
            told,
            [
                "still no connection after 10s: timed out; giving up in 15s",
                "still no connection after 20s: timed out; giving up in 5s",
            ]
        );
        assert_eq!(now, Timestamp(25_000));
        assert_eq!(
            outage.told(Timestamp(31_000)).unwrap(),
            "still no connection after 31s: timed out; this is the last try"
        );
        assert_eq!(
            outage.gave_up(Timestamp(31_000)).to_string(),
            "gave up after trying again for 31s: timed out"
        );
    }

    #[test]
    fn the_last_try_is_at_the_end_of_the_time() {
        let refused = anyhow::anyhow!("refused");
        let mut outage = Outage::new(Timestamp(0), Duration::from_secs(3), &refused);
        let (mut now, mut tries) = (Timestamp(0), Vec::new());
        while let Some(at) = outage.next_try(now) {
            tries.push(at.0);
            now = at;
            outage.failed_again(&refused);
        }
        assert_eq!(tries, [200, 600, 1_400, 3_000]);
    }

    #[test]
    fn a_server_is_given_the_time_that_it_asks_for() {
        let busy = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            let (url, status) = ("http://a".to_owned(), reqwest::StatusCode::TOO_MANY_REQUESTS);
            Error::NotOurs { url, status, media: None, retry_after }.into()
        };
        let mut outage = Outage::new(Timestamp(0), Duration::from_secs(25), &busy(7));
        assert_eq!(outage.next_try(Timestamp(0)), Some(Timestamp(7_000)));
        outage.failed_again(&busy(3_600));
        assert_eq!(outage.next_try(Timestamp(7_000)), Some(Timestamp(25_000)));
        outage.failed_again(&busy(0));
        assert_eq!(outage.next_try(Timestamp(7_000)), Some(Timestamp(7_800)));
    }

    #[test]
    fn without_patience_nothing_is_tried_again() {
        let outage = Outage::new(Timestamp(0), Duration::ZERO, &anyhow::anyhow!("refused"));
        assert_eq!(outage.next_try(Timestamp(0)), None);
    }
}
