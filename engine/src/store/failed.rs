//! Writes that failed: whether to try again, and what is known of the database since.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::DbErr;

use super::{
    Error,
    verdict::{self, Class, Retry, Verdict},
};

/// Most tries of a transaction that the database gave up for another's sake.
const TRANSIENT_TRIES_MAX: u32 = 5;
/// Most tries of a transaction whose session turned out to be of no use.
const NEW_SESSION_TRIES_MAX: u32 = 2;

/// Why the last write failed, if it did and the database is to blame.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    pub(super) fn get(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, error: Option<Error>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
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
            (Retry::Reads, Phase::Commit) | (Retry::Never, _) => 1,
        }
    }

    /// Whether the items may fare better one by one: when one of them is to blame, or when it is not known what became
    /// of the transaction. A database that takes nothing would otherwise be asked once for each item.
    pub(super) fn is_worth_splitting(&self) -> bool {
        let verdict = self.verdict();
        verdict.class == Class::Defect || (verdict.retry == Retry::Reads && self.phase == Phase::Commit)
    }
}
