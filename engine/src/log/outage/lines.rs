//! The lines of an outage.

use std::time::Duration;

use super::cause::{Cause, Duty, Gravity};
use crate::clock::millis;

/// An outage that lasts for longer than this needs somebody who looks, whatever its cause.
const PASSES_WITHIN: Duration = Duration::from_secs(60);

/// What an outage leaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Course {
    /// Nothing, as far as is known.
    Steady,
    /// Other work succeeds.
    Partial,
    /// What fails succeeds at other times.
    Unsteady,
}

/// How far an outage has come.
#[derive(Debug)]
pub(super) struct Extent {
    pub(super) lasts: Duration,
    pub(super) failures: u64,
    /// The names of the duties that fail.
    pub(super) failing: Vec<&'static str>,
    pub(super) course: Course,
}

/// Writes a line about a failure at its level.
macro_rules! of_failure {
    ($needs_somebody:expr, $cause:expr, $($rest:tt)*) => {{
        let Cause { error: text, code, .. } = $cause;
        if $needs_somebody {
            tracing::error!(parent: None, error = text, sqlstate = code, $($rest)*);
        } else {
            tracing::warn!(parent: None, error = text, sqlstate = code, $($rest)*);
        }
    }};
}

pub(super) fn begin(service: &str, duty: Duty, cause: &Cause) {
    let Duty { name, then, .. } = duty;
    let remedy = told(cause);
    let needs_somebody = cause.gravity != Gravity::Passing;
    of_failure!(needs_somebody, cause, "{service} cannot be used: {name} failed{then}{remedy}");
}

pub(super) fn reminder(service: &str, extent: &Extent, cause: &Cause) {
    let Extent { lasts, failures, failing, course } = extent;
    let remedy = told(cause);
    let (seconds, names) = (lasts.as_secs(), failing.join(", "));
    let what = match course {
        Course::Steady => "",
        Course::Partial => " for everything",
        Course::Unsteady => " reliably",
    };
    let needs_somebody = cause.gravity != Gravity::Passing || *lasts >= PASSES_WITHIN;
    of_failure!(
        needs_somebody,
        cause,
        duration_ms = millis(*lasts),
        failures,
        "{service} still cannot be used{what} after {seconds} s and {failures} failures of {names}{remedy}"
    );
}

pub(super) fn end(service: &str, extent: &Extent) {
    let Extent { lasts, failures, .. } = extent;
    tracing::info!(
        parent: None,
        duration_ms = millis(*lasts),
        failures,
        "{service} can be used again after {:.1} s and {failures} failure{}",
        lasts.as_secs_f64(),
        if *failures == 1 { "" } else { "s" }
    );
}

pub(super) fn defect(service: &str, duty: Duty, cause: &Cause, failures: u64) {
    let Duty { name, then, .. } = duty;
    let remedy = told(cause);
    let times = if failures == 1 { String::new() } else { format!(" {failures} times") };
    of_failure!(
        true,
        cause,
        failures,
        "{service} cannot be used for everything: {name} failed{times}{then}{remedy}"
    );
}

fn told(cause: &Cause) -> String {
    cause.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default()
}
