//! Log lines that would be written for each request while the database is away.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two lines about the same.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets the first line through, and then one in ten seconds.
#[derive(Debug)]
pub(crate) struct Thinned(Mutex<Option<Last>>);

#[derive(Debug)]
struct Last {
    at: Instant,
    left_out: u64,
}

impl Thinned {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether to write a line at this time: then it returns how many were left out since the last one.
    pub(crate) fn take(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some(last) if now.saturating_duration_since(last.at) < INTERVAL => {
                last.left_out += 1;
                None
            }
            last => {
                let left_out = last.take().map_or(0, |last| last.left_out);
                *last = Some(Last { at: now, left_out: 0 });
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_tells_how_many_were_left_out() {
        let (thinned, start) = (Thinned::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(thinned.take(at(0)), Some(0));
        for second in 1..10 {
            assert_eq!(thinned.take(at(second)), None);
        }
        assert_eq!(thinned.take(at(10)), Some(9));
        assert_eq!(thinned.take(at(60)), Some(0));
    }
}
