//! The attempts of activities that may run at most once and whose code began in this process.
//!
//! An attempt may be dropped here while its row still names this worker: because the worker stopped before its report
//! was accepted, or because a hint said that the run was closed when it was not. The row then looks like one of a claim
//! whose response was lost, which is given back as if nothing had begun. These are the ones that must not be.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::Timestamp,
    store::{ActivityKey, Held},
};

#[derive(Debug, Default)]
pub(in crate::worker) struct AtMostOnce(Mutex<HashMap<ActivityKey, Begun>>);

#[derive(Debug, Clone, Copy)]
struct Begun {
    attempt: u32,
    at: Timestamp,
    uptime: Duration,
}

impl AtMostOnce {
    /// The code of an attempt begins.
    pub(in crate::worker) fn begin(&self, key: ActivityKey, attempt: u32, at: Timestamp, uptime: Duration) {
        self.begun().insert(key, Begun { attempt, at, uptime });
    }

    /// When the code of the attempt began; `None` if it did not.
    pub(in crate::worker) fn begun_at(&self, key: &ActivityKey, attempt: u32) -> Option<Timestamp> {
        self.begun().get(key).filter(|begun| begun.attempt == attempt).map(|begun| begun.at)
    }

    /// Forgets the attempts whose rows did not name this worker when a renewal asked for them.
    pub(in crate::worker) fn renewed(&self, held: &Held, asked_at: Duration) {
        self.begun().retain(|key, begun| {
            begun.uptime >= asked_at
                || held.activities.get(key).is_some_and(|row| row.attempt == begun.attempt)
        });
    }

    fn begun(&self) -> MutexGuard<'_, HashMap<ActivityKey, Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
