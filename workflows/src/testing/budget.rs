use std::time::Duration;

use ctutor_sandbox::Stopwatch;

/// An amount of time that is used up while the worker runs. Pauses of the worker do not count.
pub(super) struct Budget {
    time: Duration,
    used: Stopwatch,
}

impl Budget {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, used: Stopwatch::start() }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.time.saturating_sub(self.used.elapsed())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.used.elapsed()
    }
}
