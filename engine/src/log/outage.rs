//! Something that a process needs and cannot use for a while, as the database or Redis: one line when it begins, one
//! from time to time while it lasts, and one when it is over.
//!
//! Many parts of a process notice an outage, each at its own pace. They share one [`Outages`], so that the log tells of
//! the outage and not of each of them. It is over when each part that failed has succeeded again, or has not tried for
//! so long that nothing more is known of it: some work, such as one heartbeat, is not tried a second time.
//!
//! A [`Gravity::Defect`] is no outage, since the service answers: each has a line of its own, and those of one duty
//! have at most one in [`DEFECT_INTERVAL`]. So a lasting defect hides no outage.
//!
//! Finding the cause of a failure may need the service itself. [`Outages::due`] therefore decides first whether there
//! is a line to write, and only then is the cause looked for.

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
/// After this long without an answer nobody looks for a cause any more.
const CAUSE_WITHIN: Duration = Duration::from_secs(10);
/// Minimum interval between two lines about defects of one duty.
const DEFECT_INTERVAL: Duration = Duration::from_secs(60);

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
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    outage: Option<Outage>,
    /// By duty: when a defect was told last, and how many failures followed.
    defects: BTreeMap<&'static str, (Timestamp, u64)>,
    /// Lines of outages so far.
    lines: u64,
}

/// A line that is due and not written yet.
#[derive(Debug)]
pub(crate) struct Line(u64);

/// What the line tells.
#[derive(Debug)]
struct Pending {
    serial: u64,
    duty: Duty,
    /// As far as it is known yet.
    cause: Cause,
    at: Timestamp,
    is_first: bool,
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
    pending: Option<Pending>,
}

impl Outages {
    pub(crate) fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), known: Mutex::default() }
    }

    /// What it is called, and where it is.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// Something failed.
    pub(crate) fn failed(&self, duty: Duty, cause: &Cause, now: Timestamp) {
        if let Some(line) = self.due(duty, cause, now) {
            self.tell(&line, None);
        }
    }

    /// Something failed. If a line is due, whoever gets it calls [`Self::tell`], perhaps with a better cause. Until
    /// then further failures are only counted.
    pub(crate) fn due(&self, duty: Duty, cause: &Cause, now: Timestamp) -> Option<Line> {
        let mut known = self.known();
        if cause.gravity == Gravity::Defect {
            self.on_defect(&mut known, duty, cause, now);
            return None;
        }
        let Known { outage, lines, .. } = &mut *known;
        let is_first = outage.is_none();
        let outage = outage.get_or_insert_with(|| Outage::begin(cause.gravity, now));
        outage.failures += 1;
        outage.failing.insert(duty.name, (now, duty.counts_for));
        let is_worse = cause.gravity > outage.gravity;
        if let Some(pending) = &mut outage.pending {
            // What is known to be worse is told without waiting for the other cause; and whoever looked for that may
            // have been stopped.
            let takes_over = is_worse || now.since(pending.at) >= CAUSE_WITHIN;
            return takes_over.then(|| {
                outage.gravity = cause.gravity;
                pending.cause = cause.clone();
                Line(pending.serial)
            });
        }
        if !is_first {
            if !is_worse && now < outage.remind_at {
                return None;
            }
            outage.gravity = cause.gravity;
            outage.interval = (outage.interval * 2).min(REMINDER_INTERVAL_MAX);
            outage.remind_at = now + outage.interval;
        }
        *lines += 1;
        let serial = *lines;
        outage.pending = Some(Pending { serial, duty, cause: cause.clone(), at: now, is_first });
        Some(Line(serial))
    }

    /// Writes a line that is due, with this cause if it is a better one. Nothing happens if it was written meanwhile,
    /// as when the outage has ended.
    pub(crate) fn tell(&self, line: &Line, cause: Option<Cause>) {
        let mut known = self.known();
        let Some(outage) = &mut known.outage else { return };
        let Some(mut pending) = outage.pending.take_if(|pending| pending.serial == line.0) else {
            return;
        };
        if let Some(cause) = cause {
            outage.gravity = outage.gravity.max(cause.gravity);
            pending.cause = cause;
        }
        self.tell_pending(outage, &pending);
    }

    /// Something succeeded that may have failed before.
    pub(crate) fn succeeded(&self, duty: Duty, now: Timestamp) {
        let mut known = self.known();
        let Some(outage) = &mut known.outage else { return };
        outage.failing.remove(duty.name);
        outage.failing.retain(|_, (at, counts_for)| now.since(*at) < *counts_for);
        if outage.failing.is_empty()
            && let Some(outage) = known.outage.take()
        {
            // A begin comes before its end, also if its cause is still being looked for.
            if let Some(pending) = outage.pending.as_ref().filter(|pending| pending.is_first) {
                self.tell_pending(&outage, pending);
            }
            self.tell_end(&outage, now);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_defect(&self, known: &mut Known, duty: Duty, cause: &Cause, now: Timestamp) {
        if let Some((told_at, failures)) = known.defects.get_mut(duty.name)
            && now.since(*told_at) < DEFECT_INTERVAL
        {
            *failures += 1;
            return;
        }
        let (_, untold) = known.defects.insert(duty.name, (now, 0)).unwrap_or((now, 0));
        self.tell_defect(duty, cause, untold + 1);
    }

    fn tell_pending(&self, outage: &Outage, pending: &Pending) {
        let Pending { duty, cause, at, is_first, .. } = pending;
        if *is_first {
            self.tell_begin(*duty, cause);
        } else {
            self.tell_reminder(outage, cause, *at);
        }
    }

    fn tell_begin(&self, duty: Duty, cause: &Cause) {
        let Self { service, .. } = self;
        let remedy = told(cause.remedy);
        let Duty { name, then, .. } = duty;
        if cause.gravity == Gravity::Passing {
            tracing::warn!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                "{service} cannot be used: {name} failed{then}{remedy}"
            );
        } else {
            tracing::error!(
                parent: None,
                error = cause.error,
                sqlstate = cause.code,
                "{service} cannot be used: {name} failed{then}{remedy}"
            );
        }
    }

    fn tell_defect(&self, duty: Duty, cause: &Cause, failures: u64) {
        let Self { service, .. } = self;
        let remedy = told(cause.remedy);
        let Duty { name, then, .. } = duty;
        let times = if failures == 1 { String::new() } else { format!(" {failures} times") };
        tracing::error!(
            parent: None,
            error = cause.error,
            sqlstate = cause.code,
            failures,
            "{service} cannot be used for everything: {name} failed{times}{then}{remedy}"
        );
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
    fn begin(gravity: Gravity, now: Timestamp) -> Self {
        Self {
            since: now,
            failures: 0,
            failing: BTreeMap::new(),
            gravity,
            remind_at: now + REMINDER_INTERVAL_MIN,
            interval: REMINDER_INTERVAL_MIN,
            pending: None,
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

    fn defect() -> Cause {
        Cause { error: "no such column".into(), code: None, gravity: Gravity::Defect, remedy: None }
    }

    #[test]
    fn a_defect_is_no_outage_and_hides_none() {
        let lines = LogLines::catch();
        let outages = Outages::new("service 4");
        for second in 0..=60 {
            outages.failed(CLAIM, &defect(), at(second));
        }
        outages.failed(RENEW, &refused(), at(61));
        outages.failed(HEARTBEAT, &defect(), at(62));
        outages.succeeded(RENEW, at(63));
        assert_eq!(
            told(&lines, "service 4"),
            [
                "ERROR service 4 cannot be used for everything: claiming failed; it is retried until it succeeds",
                "ERROR service 4 cannot be used for everything: claiming failed 60 times; it is retried until it \
                 succeeds",
                "WARN service 4 cannot be used: renewing failed; it is retried until it succeeds",
                "ERROR service 4 cannot be used for everything: a heartbeat failed",
                "INFO service 4 can be used again after 2.0 s and 1 failure",
            ]
        );
        assert_eq!(lines.containing("service 4")[1]["failures"], 60);
    }

    #[test]
    fn a_cause_is_looked_for_only_when_a_line_is_due() {
        let lines = LogLines::catch();
        let outages = Outages::new("service 5");
        let first = outages.due(CLAIM, &refused(), at(0)).unwrap();
        assert!(outages.due(RENEW, &refused(), at(1)).is_none(), "the cause is being looked for");
        assert!(outages.due(RENEW, &refused(), at(9)).is_none(), "the cause is being looked for");
        outages.tell(&first, Some(wrong_password()));
        outages.tell(&first, Some(wrong_password()));
        let reminder = outages.due(CLAIM, &refused(), at(12)).unwrap();
        outages.tell(&reminder, None);
        assert!(outages.due(CLAIM, &refused(), at(13)).is_none(), "the next reminder is not due");
        assert_eq!(
            told(&lines, "service 5"),
            [
                "ERROR service 5 cannot be used: claiming failed; it is retried until it succeeds; correct the password",
                "WARN service 5 still cannot be used after 12 s and 4 failures of claiming, renewing",
            ]
        );
    }

    #[test]
    fn a_line_whose_cause_is_still_looked_for_comes_before_the_end() {
        let lines = LogLines::catch();
        let outages = Outages::new("service 6");
        let first = outages.due(CLAIM, &refused(), at(0)).unwrap();
        outages.succeeded(CLAIM, at(1));
        outages.tell(&first, Some(wrong_password()));
        let second = outages.due(CLAIM, &refused(), at(2)).unwrap();
        let worse = outages.due(RENEW, &wrong_password(), at(3)).unwrap();
        outages.tell(&worse, None);
        outages.tell(&second, Some(refused()));
        assert!(outages.due(RENEW, &wrong_password(), at(12)).is_some());
        let instead = outages.due(RENEW, &wrong_password(), at(22)).unwrap();
        outages.tell(&instead, None);
        assert_eq!(
            told(&lines, "service 6"),
            [
                "WARN service 6 cannot be used: claiming failed; it is retried until it succeeds",
                "INFO service 6 can be used again after 1.0 s and 1 failure",
                "ERROR service 6 cannot be used: claiming failed; it is retried until it succeeds; correct the password",
                "ERROR service 6 still cannot be used after 10 s and 4 failures of claiming, renewing; correct the \
                 password",
            ]
        );
    }
}
