//! Whether a worker that is not seen may be called lost.
//!
//! | state | left when |
//! | --- | --- |
//! | sure | a look failed, or did not take place for a while → blind |
//! | blind | a look succeeded → waiting |
//! | waiting | a live worker had the time to renew its leases → sure; a look failed → blind |
//!
//! While the database is away no worker can renew its leases, and they all expire. The first look afterwards would take
//! everything from workers that are well. The same holds for a process that was stopped for a while together with its
//! workers, as by the suspension of the machine.
//!
//! A process that has just started is sure: it may be there to replace one that died.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct Watch {
    /// The time in which a live worker renews its leases.
    seen_within: Duration,
    /// Looks that are further apart do not follow each other.
    apart_max: Duration,
    last_look: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sure,
    Blind,
    Waiting { until: Duration },
}

impl Watch {
    /// Of looks that take place each `interval`.
    pub(super) fn new(seen_within: Duration, interval: Duration, uptime: Duration) -> Self {
        Self {
            seen_within,
            apart_max: (seen_within / 2).max(3 * interval),
            last_look: uptime,
            state: State::Sure,
        }
    }

    /// Whether what is not seen now is lost.
    pub(super) fn is_sure(&mut self, uptime: Duration) -> bool {
        if uptime.saturating_sub(self.last_look) >= self.apart_max {
            self.state = State::Blind;
        }
        if matches!(self.state, State::Waiting { until } if uptime >= until) {
            self.state = State::Sure;
        }
        self.state == State::Sure
    }

    /// A look has ended.
    pub(super) fn looked(&mut self, succeeded: bool, uptime: Duration) {
        self.last_look = uptime;
        self.state = match self.state {
            _ if !succeeded => State::Blind,
            State::Blind => State::Waiting { until: uptime + self.seen_within },
            state => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn watch() -> Watch {
        Watch::new(Duration::from_secs(10), Duration::from_secs(1), at(0))
    }

    #[test]
    fn after_an_outage_workers_have_the_time_to_be_seen_again() {
        let mut watch = watch();
        assert!(watch.is_sure(at(0)), "a process that starts may replace one that died");
        watch.looked(true, at(1));
        assert!(watch.is_sure(at(2)));
        watch.looked(false, at(3));
        for second in 4..9 {
            assert!(!watch.is_sure(at(second)));
            watch.looked(false, at(second));
        }
        for second in 9..19 {
            assert!(!watch.is_sure(at(second)), "{second}");
            watch.looked(true, at(second));
        }
        assert!(watch.is_sure(at(19)));
    }

    #[test]
    fn a_process_that_was_stopped_does_not_judge_at_once() {
        let mut watch = watch();
        watch.looked(true, at(1));
        assert!(!watch.is_sure(at(3_600)));
        watch.looked(true, at(3_600));
        for second in 3_601..3_610 {
            assert!(!watch.is_sure(at(second)));
            watch.looked(true, at(second));
        }
        assert!(watch.is_sure(at(3_610)));
    }

    #[test]
    fn looks_that_follow_each_other_are_sure_however_short_a_worker_may_be_unseen() {
        let mut watch = Watch::new(Duration::from_secs(1), Duration::from_secs(1), at(0));
        for second in 1..5 {
            assert!(watch.is_sure(at(second)), "{second}");
            watch.looked(true, at(second));
        }
    }
}
