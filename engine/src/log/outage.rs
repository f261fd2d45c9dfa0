//! Something that a process needs and cannot use for a while, as the database or Redis: one line when it begins, one
//! from time to time while it lasts, and one when it is over.
//!
//! Many parts of a process notice an outage, each at its own pace. They share one [`Outages`], so that the log tells of
//! the outage and not of each of them. It is over when each part that failed has succeeded again, or has not tried for
//! so long that nothing more is known of it: some work, such as one heartbeat, is not tried a second time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::{Timestamp, millis};

/// From the first line of an outage to the first reminder; the wait doubles each time.
const REMINDER_INTERVAL_MIN: Duration = Duration::from_secs(10);
/// Maximum interval between two reminders.
const REMINDER_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// An outage that lasts for longer than this needs somebody who looks, whatever its cause.
const PASSES_WITHIN: Duration = Duration::from_secs(60);

/// What a part of the process does with the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duty {
    name: &'static str,
    /// After this long without a try it counts no more.
    counts_for: Duration,
    /// What follows a failure.
    then: &'static str,
}

impl Duty {
    /// Tried again until it succeeds.
    pub(crate) const fn repeated(name: &'static str) -> Self {
        Self { name, counts_for: Duration::from_secs(60), then: "; it is retried until it succeeds" }
    }

    /// Perhaps not tried again.
    pub(crate) const fn single(name: &'static str) -> Self {
        Self { name, counts_for: Duration::from_secs(5), then: "" }
    }
}

/// How bad a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gravity {
    /// It may pass by itself.
    Passing,
    /// What is stored or asked for is wrong; the rest may work.
    Defect,
    /// Somebody has to change something.
    Operator,
}

/// Why something failed.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    /// The error with its causes.
    pub(crate) error: String,
    /// SQLSTATE, or the result code of SQLite.
    pub(crate) code: Option<String>,
    pub(crate) gravity: Gravity,
    /// What to do.
    pub(crate) remedy: Option<&'static str>,
}

/// The outages of one service, of which there is at most one at a time.
#[derive(Debug)]
pub(crate) struct Outages {
    /// What it is called, and where it is; without secrets.
    service: String,
    current: Mutex<Option<Outage>>,
}

#[derive(Debug)]
struct Outage {
    since: Timestamp,
    failures: u64,
    /// What failed last, and when; each for as long as it counts.
    failing: BTreeMap<&'static str, (Timestamp, Duration)>,
    gravity: Gravity,
    remind_at: Timestamp,
    interval: Duration,
}

impl Outages {
    pub(crate) fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), current: Mutex::new(None) }
    }

    /// What it is called, and where it is.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// Something failed.
    pub(crate) fn failed(&self, duty: Duty, cause: &Cause, now: Timestamp) {
        let mut current = self.current();
        let Some(outage) = &mut *current else {
            *current = Some(Outage::begin(duty, cause, now));
            drop(current);
            return self.tell_begin(duty, cause);
        };
        outage.failures += 1;
        outage.failing.insert(duty.name, (now, duty.counts_for));
        let is_worse = cause.gravity > outage.gravity;
        if !is_worse && now < outage.remind_at {
            return;
        }
        outage.gravity = cause.gravity;
        outage.interval = (outage.interval * 2).min(REMINDER_INTERVAL_MAX);
        outage.remind_at = now + outage.interval;
        self.tell_reminder(outage, cause, now);
    }

    /// Something succeeded that may have failed before.
    pub(crate) fn succeeded(&self, duty: Duty, now: Timestamp) {
        let mut current = self.current();
        let Some(outage) = &mut *current else { return };
        outage.failing.remove(duty.name);
        outage.failing.retain(|_, (at, counts_for)| now.since(*at) < *counts_for);
        if outage.failing.is_empty()
            && let Some(outage) = current.take()
        {
            self.tell_end(&outage, now);
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Outage>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_begin(&self, duty: Duty, cause: &Cause) {
        let Self { service, .. } = self;
        let remedy = told(cause.remedy);
        let Duty { name, then, .. } = duty;
        match cause.gravity {
            Gravity::Passing => tracing::warn!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                "{service} cannot be used: {name} failed{then}{remedy}"
            ),
            Gravity::Defect => tracing::error!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                "{service} cannot be used for everything: {name} failed{then}{remedy}"
            ),
            Gravity::Operator => tracing::error!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                "{service} cannot be used: {name} failed{then}{remedy}"
            ),
        }
    }

    fn tell_reminder(&self, outage: &Outage, cause: &Cause, now: Timestamp) {
        let Self { service, .. } = self;
        let remedy = told(cause.remedy);
        let lasts = now.since(outage.since);
        let seconds = lasts.as_secs();
        let failures = outage.failures;
        let names: Vec<&str> = outage.failing.keys().copied().collect();
        let names = names.join(", ");
        if cause.gravity != Gravity::Passing || lasts >= PASSES_WITHIN {
            tracing::error!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                duration_ms = millis(lasts),
                failures,
                "{service} still cannot be used after {seconds} s and {failures} failures of {names}{remedy}"
            );
        } else {
            tracing::warn!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                duration_ms = millis(lasts),
                failures,
                "{service} still cannot be used after {seconds} s and {failures} failures of {names}{remedy}"
            );
        }
    }

    fn tell_end(&self, outage: &Outage, now: Timestamp) {
        let Self { service, .. } = self;
        let lasted = now.since(outage.since);
        let failures = outage.failures;
        tracing::info!(
            parent: None,
            duration_ms = millis(lasted),
            failures,
            "{service} can be used again after {:.1} s and {failures} failure{}",
            lasted.as_secs_f64(),
            if failures == 1 { "" } else { "s" }
        );
    }
}

impl Outage {
    fn begin(duty: Duty, cause: &Cause, now: Timestamp) -> Self {
        Self {
            since: now,
            failures: 1,
            failing: BTreeMap::from([(duty.name, (now, duty.counts_for))]),
            gravity: cause.gravity,
            remind_at: now + REMINDER_INTERVAL_MIN,
            interval: REMINDER_INTERVAL_MIN,
        }
    }
}

fn told(remedy: Option<&str>) -> String {
    remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::LogLines;

    const CLAIM: Duty = Duty::repeated("claiming");
    const RENEW: Duty = Duty::repeated("renewing");
    const HEARTBEAT: Duty = Duty::single("a heartbeat");

    fn refused() -> Cause {
        Cause { error: "refused".into(), code: None, gravity: Gravity::Passing, remedy: None }
    }

    fn wrong_password() -> Cause {
        let remedy = Some("correct the password");
        Cause { error: "wrong".into(), code: Some("28P01".into()), gravity: Gravity::Operator, remedy }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_700_000_000_000 + seconds * 1_000)
    }

    fn told(lines: &LogLines, service: &str) -> Vec<String> {
        let lines = lines.containing(service).into_iter();
        lines
            .map(|line| format!("{} {}", line["level"].as_str().unwrap(), line["message"].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn an_outage_is_a_line_at_its_begin_some_reminders_and_a_line_at_its_end() {
        let lines = LogLines::catch();
        let outages = Outages::new("service 1");
        for second in 0..100 {
            outages.failed(CLAIM, &refused(), at(second));
            outages.failed(RENEW, &refused(), at(second));
        }
        outages.succeeded(RENEW, at(100));
        outages.succeeded(CLAIM, at(101));
        outages.succeeded(CLAIM, at(102));
        assert_eq!(
            told(&lines, "service 1"),
            [
                "WARN service 1 cannot be used: claiming failed; it is retried until it succeeds",
                "WARN service 1 still cannot be used after 10 s and 21 failures of claiming, renewing",
                "WARN service 1 still cannot be used after 30 s and 61 failures of claiming, renewing",
                "ERROR service 1 still cannot be used after 70 s and 141 failures of claiming, renewing",
                "INFO service 1 can be used again after 101.0 s and 200 failures",
            ]
        );
        let [_, reminder, .., end] = &lines.containing("service 1")[..] else { panic!("lines are missing") };
        assert_eq!((&reminder["error"], &reminder["failures"]), (&json!("refused"), &json!(21)));
        assert_eq!((&end["duration_ms"], &end["failures"]), (&json!(101_000), &json!(200)));
    }

    #[test]
    fn a_cause_that_needs_somebody_is_told_at_once_with_the_remedy() {
        let lines = LogLines::catch();
        let outages = Outages::new("service 2");
        outages.failed(CLAIM, &refused(), at(0));
        outages.failed(CLAIM, &wrong_password(), at(1));
        outages.failed(CLAIM, &wrong_password(), at(2));
        assert_eq!(
            told(&lines, "service 2"),
            [
                "WARN service 2 cannot be used: claiming failed; it is retried until it succeeds",
                "ERROR service 2 still cannot be used after 1 s and 2 failures of claiming; correct the password",
            ]
        );
        assert_eq!(lines.containing("service 2")[1]["sqlstate"], "28P01");
    }

    #[test]
    fn what_is_not_tried_again_does_not_keep_an_outage_open() {
        let lines = LogLines::catch();
        let outages = Outages::new("service 3");
        outages.failed(HEARTBEAT, &refused(), at(0));
        outages.succeeded(RENEW, at(1));
        // It goes on, so this is one outage and not many.
        outages.failed(HEARTBEAT, &refused(), at(3));
        outages.succeeded(RENEW, at(4));
        outages.succeeded(RENEW, at(8));
        assert_eq!(
            told(&lines, "service 3"),
            [
                "WARN service 3 cannot be used: a heartbeat failed",
                "INFO service 3 can be used again after 8.0 s and 2 failures",
            ]
        );
    }
}
