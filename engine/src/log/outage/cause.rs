//! What failed, and why.

use std::time::Duration;

/// What a part of the process does with the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duty {
    pub(super) name: &'static str,
    /// After this long without a try it counts no more.
    pub(super) counts_for: Duration,
    /// What follows a failure.
    pub(super) then: &'static str,
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
