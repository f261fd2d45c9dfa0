//! Writes that failed: whether to try again, and what is known of the database since.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::DbErr;

use super::{
    Error,
    verdict::{self, Class, Retry, Verdict},
};
use crate::clock::Timestamp;

/// Most tries of a transaction that the database gave up for another's sake.
const TRANSIENT_TRIES_MAX: u32 = 5;
/// Most tries of a transaction whose session turned out to be of no use.
const NEW_SESSION_TRIES_MAX: u32 = 2;

/// Between two writes that only find out whether the database is well again.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// The write that failed last, if the database is to blame, until it is known to be well again.
///
/// What only somebody who looks after it can mend, such as a full disk, may hit large writes and spare small ones. It
/// has passed when a write that carries as much has succeeded.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: Option<LastFailure>,
    probed_at: Option<Timestamp>,
}

/// A write that failed, and how much it carried.
#[derive(Debug, Clone)]
pub(super) struct LastFailure {
    pub(super) error: Error,
    /// At least 1: writes without payloads may need no space.
    pub(super) size_bytes: usize,
}

impl Trouble {
    pub(super) fn get(&self) -> Option<LastFailure> {
        self.known().last.clone()
    }

    /// Whether it is time to try a write only to find out. Who is told so is the one that does.
    pub(super) fn probe_is_due(&self, now: Timestamp) -> bool {
        let mut known = self.known();
        // A clock that was set back must not put it off.
        let is_due = known.probed_at.is_none_or(|at| now < at || now.since(at) >= PROBE_INTERVAL);
        if is_due {
            known.probed_at = Some(now);
        }
        is_due
    }

    /// A write failed because of the database.
    pub(super) fn failed(&self, error: &Error, size_bytes: usize) {
        let last = &mut self.known().last;
        let size_bytes = match &*last {
            Some(before) if before.error.needs_operator() && !error.needs_operator() => return,
            Some(before) => before.size_bytes.max(size_bytes),
            None => size_bytes.max(1),
        };
        *last = Some(LastFailure { error: error.clone(), size_bytes });
    }

    /// A write succeeded.
    pub(super) fn succeeded(&self, size_bytes: impl FnOnce() -> usize) {
        let last = &mut self.known().last;
        if last.as_ref().is_some_and(|last| !last.error.needs_operator() || size_bytes() >= last.size_bytes) {
            *last = None;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a transaction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not to its commit: nothing was changed.
    Before,
    /// Into its commit, which may have taken effect though no answer came.
    Commit,
}

/// A transaction that failed.
pub(super) struct Failed {
    pub(super) error: DbErr,
    pub(super) phase: Phase,
}

impl Failed {
    pub(super) fn verdict(&self) -> Verdict {
        verdict::of(&self.error)
    }

    /// Most tries of such a transaction.
    pub(super) fn tries_max(&self) -> u32 {
        match (self.verdict().retry, self.phase) {
            (Retry::Again, _) => TRANSIENT_TRIES_MAX,
            (Retry::NewSession, _) | (Retry::Reads, Phase::Before) => NEW_SESSION_TRIES_MAX,
            (Retry::Reads, Phase::Commit) | (Retry::Others | Retry::Never, _) => 1,
        }
    }

    /// Whether the items may fare better one by one: when one of them is to blame, or when it is not known what became
    /// of the transaction. A database that takes nothing would otherwise be asked once for each item.
    pub(super) fn is_worth_splitting(&self) -> bool {
        let verdict = self.verdict();
        verdict.class == Class::Defect
            || self.waited_for_others()
            || (verdict.retry == Retry::Reads && self.phase == Phase::Commit)
    }

    /// Whether one item could not get what somebody else holds, which says nothing of the database.
    pub(super) fn waited_for_others(&self) -> bool {
        self.verdict().retry == Retry::Others
    }
}
