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

mod cause;
mod lines;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::Timestamp;
use lines::Extent;

pub(crate) use cause::{Cause, Duty, Gravity};

/// From the first line of an outage to the first reminder; the wait doubles each time.
const REMINDER_INTERVAL_MIN: Duration = Duration::from_secs(10);
/// Maximum interval between two reminders.
const REMINDER_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// After this long without an answer nobody looks for a cause any more.
const CAUSE_WITHIN: Duration = Duration::from_secs(10);
/// Minimum interval between two lines about defects of one duty.
const DEFECT_INTERVAL: Duration = Duration::from_secs(60);

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
            lines::end(&self.service, &outage.extent(now));
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
        lines::defect(&self.service, duty, cause, untold + 1);
    }

    fn tell_pending(&self, outage: &Outage, pending: &Pending) {
        let Pending { duty, cause, at, is_first, .. } = pending;
        if *is_first {
            lines::begin(&self.service, *duty, cause);
        } else {
            lines::reminder(&self.service, &outage.extent(*at), cause);
        }
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

    fn extent(&self, now: Timestamp) -> Extent {
        let failing = self.failing.keys().copied().collect();
        Extent { lasts: now.since(self.since), failures: self.failures, failing }
    }
}
