//! When workers were lost, to judge how many attempts an activity may have used.

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

/// Leases last eight seconds, are renewed every second, and connections may take five to come back.
const AWAY_MAX_MS: i64 = 2_000;

/// Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses(Arc<Mutex<Vec<RangeInclusive<i64>>>>);

impl Losses {
    /// Notes that a worker was lost while this was done. The signal that ends it takes a while to be sent, so the
    /// instant is not known better.
    pub(super) fn while_doing<T>(&self, what: impl FnOnce() -> T) -> T {
        let began = now_ms();
        let done = what();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(began..=now_ms());
        done
    }

    /// Notes that workers may be taken for lost if their database was away for longer than they can make up for.
    pub(super) async fn while_away<T>(&self, what: impl Future<Output = T>) -> T {
        let began = now_ms();
        let done = what.await;
        let now = now_ms();
        if now - began > AWAY_MAX_MS {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(began..=now);
        }
        done
    }

    /// How many workers may have been lost from one instant to another, in milliseconds since 1970.
    pub(super) fn between(&self, from_ms: i64, to_ms: i64) -> usize {
        let losses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        losses.iter().filter(|loss| *loss.start() <= to_ms && from_ms <= *loss.end()).count()
    }
}

#[expect(clippy::disallowed_methods, reason = "compared with instants that the processes under test wrote")]
fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
