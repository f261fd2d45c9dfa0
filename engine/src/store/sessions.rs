use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Which sessions of a store may still be used.
///
/// After a failover every session that was opened before it leads to the wrong server, and each would say so only when
/// it is used. So when one does, all sessions as old as that are closed as soon as the pools touch them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    distrusted_at: Arc<Mutex<Option<Instant>>>,
}

impl Sessions {
    /// From now on only sessions that are opened later may be used.
    pub(super) fn distrust(&self) {
        *self.distrusted_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a session of this age may be used.
    pub(super) fn trusts(&self, age: Duration) -> bool {
        let distrusted_at = *self.distrusted_at.lock().unwrap_or_else(PoisonError::into_inner);
        distrusted_at.is_none_or(|at| at.elapsed() > age)
    }
}
