//! Points in time at which something ends.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};

/// A point that is never reached if there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn after(duration: Duration) -> Self {
        Self(Instant::now().checked_add(duration))
    }

    /// The end of a token, on the monotonic clock.
    ///
    /// The wall clock is read once, here. Setting it later neither prolongs nor cuts what is open.
    #[expect(clippy::disallowed_methods, reason = "tokens end by the wall clock, which is not the engine's")]
    pub(super) fn at(expires_at: Option<SystemTime>) -> Self {
        let Some(expires_at) = expires_at else { return Self(None) };
        Self::after(expires_at.duration_since(SystemTime::now()).unwrap_or_default())
    }

    pub(super) const NEVER: Self = Self(None);

    pub(super) async fn reached(self) {
        match self.0 {
            Some(instant) => sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }
}
