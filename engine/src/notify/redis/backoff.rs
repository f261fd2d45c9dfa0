//! The wait before a connection is tried again.

use std::time::Duration;

const INITIAL: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles from 200 ms to 5 s.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: INITIAL }
    }

    /// Back to the shortest wait, after a connection that worked.
    pub(super) fn reset(&mut self) {
        self.next = INITIAL;
    }

    /// Waits before the next try.
    #[expect(
        clippy::disallowed_methods,
        reason = "a server is waited for, which no clock of the engine moves"
    )]
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.step()).await;
    }

    /// The next wait: between half and the whole of the step, so that processes spread out.
    #[expect(clippy::disallowed_methods, reason = "chance here decides nothing but who comes first")]
    fn step(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_again() {
        let mut backoff = Backoff::new();
        let within = |wait: Duration, step: Duration| wait >= step / 2 && wait <= step;
        for step_ms in [200, 400, 800, 1600, 3200, 5000, 5000] {
            assert!(within(backoff.step(), Duration::from_millis(step_ms)), "{step_ms}");
        }
        backoff.reset();
        assert!(within(backoff.step(), INITIAL));
    }
}
