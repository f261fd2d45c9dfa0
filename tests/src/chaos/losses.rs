//! When workers were lost, to judge how many attempts an activity may have used.

use std::sync::{Arc, Mutex, PoisonError};

/// Instants in milliseconds since 1970. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses(Arc<Mutex<Vec<i64>>>);

impl Losses {
    /// A worker is about to be lost.
    pub(super) fn note(&self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "compared with instants that the processes under test wrote"
        )]
        let now = chrono::Utc::now().timestamp_millis();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(now);
    }

    /// How many workers were lost from one instant to another.
    pub(super) fn between(&self, from_ms: i64, to_ms: i64) -> usize {
        let losses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        losses.iter().filter(|loss| (from_ms..=to_ms).contains(*loss)).count()
    }
}
