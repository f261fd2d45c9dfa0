//! Something that a process needs and cannot use for a while, as the database or Redis: one line when it begins, one
//! from time to time while it lasts, and one when it is over.
//!
//! Many parts of a process notice an outage, each at its own pace. They share one [`Outages`], so that the log tells of
//! the outage and not of each of them. It is over when each part that failed has succeeded again, or has not tried for
//! so long that nothing more is known of it: some work, such as one heartbeat, is not tried a second time.
//!
//! | state | what happens | next |
//! | --- | --- | --- |
//! | well | a failure: the begin is told | failing |
//! | failing | failures: reminders; the last part that failed succeeds: the end is told | settling |
//! | settling | a failure within [`SETTLES_WITHIN`]: nothing is told | unsteady, failing |
//! | settling | [`SETTLES_WITHIN`] passes | well |
//! | unsteady, failing | failures: reminders as before; the last part that failed succeeds: nothing is told | unsteady, settling |
//! | unsteady, settling | a failure within [`SETTLES_WITHIN`]: reminders as before | unsteady, failing |
//! | unsteady, settling | [`SETTLES_WITHIN`] passes: the end is told, if a line was told since the last end | well |
//!
//! What fails and succeeds in turn, as when one statement of several is refused, is one outage therefore, and not two
//! lines a second.
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
use lines::{Course, Extent};

pub(crate) use cause::{Cause, Duty, Gravity};

/// From the first line of an outage to the first reminder; the wait doubles each time.
const REMINDER_INTERVAL_MIN: Duration = Duration::from_secs(10);
/// Maximum interval between two reminders.
const REMINDER_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// After this long without an answer nobody looks for a cause any more.
const CAUSE_WITHIN: Duration = Duration::from_secs(10);
/// What fails again within this time after it succeeded was never over.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);
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
    /// Also one that has ended, until it has settled.
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
    /// The worst so far.
    gravity: Gravity,
    remind_at: Timestamp,
    interval: Duration,
    pending: Option<Pending>,
    /// Since when nothing fails.
    well_since: Option<Timestamp>,
    /// It began again before it had settled.
    is_unsteady: bool,
    /// A line was told since the last end.
    is_told: bool,
    /// Other work has succeeded since the last line.
    works_in_part: bool,
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
        if let Some(over) = outage.take_if(|outage| outage.has_settled(now)) {
            self.tell_end(&over);
        }
        let is_first = outage.is_none();
        let outage = outage.get_or_insert_with(|| Outage::begin(cause.gravity, now));
        outage.is_unsteady |= outage.well_since.take().is_some();
        outage.failures += 1;
        outage.failing.insert(duty.name, (now, duty.counts_for));
        let is_worse = cause.gravity > outage.gravity;
        if let Some(pending) = &mut outage.pending {
            // What is known to be worse is told without waiting for the other cause; and whoever looked for that may
            // have been stopped.
            let takes_over = is_worse || now.since(pending.at) >= CAUSE_WITHIN;
            return takes_over.then(|| {
                outage.gravity = outage.gravity.max(cause.gravity);
                pending.cause = cause.clone();
                Line(pending.serial)
            });
        }
        if !is_first {
            if !is_worse && now < outage.remind_at {
                return None;
            }
            outage.gravity = outage.gravity.max(cause.gravity);
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
        if outage.well_since.is_none() {
            outage.works_in_part |= outage.failing.remove(duty.name).is_none();
            outage.failing.retain(|_, (at, counts_for)| now.since(*at) < *counts_for);
            if !outage.failing.is_empty() {
                return;
            }
            outage.well_since = Some(now);
            if !outage.is_unsteady {
                self.end(outage);
            }
        }
        if let Some(over) = known.outage.take_if(|outage| outage.has_settled(now)) {
            self.tell_end(&over);
        }
    }

    /// The first end of an outage, which is told at once.
    fn end(&self, outage: &mut Outage) {
        // A begin comes before its end, also if its cause is still being looked for. A reminder would come too late.
        if let Some(pending) = outage.pending.take().filter(|pending| pending.is_first) {
            self.tell_pending(outage, &pending);
        }
        self.tell_end(outage);
        outage.is_told = false;
    }

    fn tell_end(&self, outage: &Outage) {
        if outage.is_told
            && let Some(at) = outage.well_since
        {
            lines::end(&self.service, &outage.extent(at));
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

    fn tell_pending(&self, outage: &mut Outage, pending: &Pending) {
        let Pending { duty, cause, at, is_first, .. } = pending;
        if *is_first {
            lines::begin(&self.service, *duty, cause);
        } else {
            let mut extent = outage.extent(*at);
            if !extent.failing.contains(&duty.name) {
                extent.failing.push(duty.name);
            }
            lines::reminder(&self.service, &extent, cause);
        }
        outage.is_told = true;
        outage.works_in_part = false;
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
            well_since: None,
            is_unsteady: false,
            is_told: false,
            works_in_part: false,
        }
    }

    /// Whether nothing has failed for so long that it is over.
    fn has_settled(&self, now: Timestamp) -> bool {
        self.well_since.is_some_and(|at| now.since(at) >= SETTLES_WITHIN)
    }

    fn extent(&self, now: Timestamp) -> Extent {
        let failing = self.failing.keys().copied().collect();
        let course = match (self.is_unsteady, self.works_in_part) {
            (true, _) => Course::Unsteady,
            (false, true) => Course::Partial,
            (false, false) => Course::Steady,
        };
        Extent { lasts: now.since(self.since), failures: self.failures, failing, course }
    }
}
