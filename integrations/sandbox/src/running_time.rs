//! How long a command has run.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{Stopwatch, usage::Process};

/// The time in which the worker ran, since a pause of the worker is nobody's fault and nearly always one of its
/// children too. Where only the worker was stopped and the command went on, the processor time that the command used
/// meanwhile counts, so it gains nothing by that.
#[derive(Debug)]
pub(crate) struct RunningTime {
    stopwatch: Stopwatch,
    last: Mutex<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    running: Duration,
    cpu: Duration,
    /// What ran while the worker did not.
    unwatched: Duration,
}

impl RunningTime {
    pub(crate) fn start() -> Self {
        let stopwatch = Stopwatch::start();
        let last = Sample {
            at: Instant::now(),
            running: Duration::ZERO,
            cpu: Duration::ZERO,
            unwatched: Duration::ZERO,
        };
        Self { stopwatch, last: Mutex::new(last) }
    }

    /// Looks at the processes, and returns the time.
    pub(crate) fn sample(&self, processes: &[Process]) -> Duration {
        let cpu = processes.iter().map(Process::cpu).sum();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.next(Instant::now(), self.stopwatch.elapsed(), cpu);
        last.running + last.unwatched
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopwatch.elapsed() + last.unwatched
    }
}

impl Sample {
    fn next(self, at: Instant, running: Duration, cpu: Duration) -> Self {
        let watched = running.saturating_sub(self.running);
        let pause = at.saturating_duration_since(self.at).saturating_sub(watched);
        let worked = cpu.saturating_sub(self.cpu).saturating_sub(watched);
        Self { at, running, cpu, unwatched: self.unwatched + pause.min(worked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_as_far_as_the_command_worked_in_it() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let first = Sample { at: start, running: ms(0), cpu: ms(0), unwatched: ms(0) };
        let steady = first.next(start + ms(20), ms(20), ms(80));
        assert_eq!(steady.unwatched, ms(0), "four threads are not four times as long");
        let frozen = steady.next(start + ms(10_020), ms(220), ms(90));
        assert_eq!(frozen.unwatched, ms(0));
        let stopped_alone = frozen.next(start + ms(20_020), ms(420), ms(5_290));
        assert_eq!(stopped_alone.unwatched, ms(5_000));
        let in_parallel = frozen.next(start + ms(20_020), ms(420), ms(40_000));
        assert_eq!(in_parallel.unwatched, ms(9_800), "no more than the pause");
    }
}
