use std::{fmt, time::Duration};

use serde_json::{Value, json};

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// `sqlite`, `postgres` or `cluster`.
    pub shape: &'static str,
    /// From the start of the process to the first accepted workflow.
    pub cold_start: Duration,
    /// One-activity workflows a second, from single mutations to their ends.
    pub workflows_per_second: f64,
    /// How many were in flight.
    pub in_flight: usize,
    /// From the mutation to the result, one at a time.
    pub submit_to_result: Spread,
    /// From the report in the activity to the subscriber.
    pub progress_to_subscriber: Spread,
    /// Queries a second that an idle server answers.
    pub queries_per_second: f64,
    /// Resident memory of all processes when idle, in bytes.
    pub resident_bytes: u64,
}

/// A sample of lengths of time.
#[derive(Debug)]
pub struct Spread {
    /// How many.
    pub samples: usize,
    /// Half took no longer.
    pub p50: Duration,
    /// Ninety-nine of a hundred took no longer.
    pub p99: Duration,
}

impl Spread {
    /// Sums up a sample; an empty one is all zero.
    #[must_use]
    pub fn of(mut lengths: Vec<Duration>) -> Self {
        lengths.sort_unstable();
        let at = |hundredths: usize| {
            let index = (lengths.len() * hundredths).div_ceil(100).saturating_sub(1);
            lengths.get(index).copied().unwrap_or_default()
        };
        Self { samples: lengths.len(), p50: at(50), p99: at(99) }
    }
}

impl Figures {
    /// The figures for programs; times in milliseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let ms = |length: Duration| length.as_secs_f64() * 1_000.0;
        let spread = |spread: &Spread| json!({"samples": spread.samples, "p50_ms": ms(spread.p50), "p99_ms": ms(spread.p99)});
        json!({
            "shape": self.shape,
            "cold_start_ms": ms(self.cold_start),
            "workflows_per_second": self.workflows_per_second,
            "in_flight": self.in_flight,
            "submit_to_result": spread(&self.submit_to_result),
            "progress_to_subscriber": spread(&self.progress_to_subscriber),
            "queries_per_second": self.queries_per_second,
            "resident_bytes": self.resident_bytes,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |length: Duration| length.as_secs_f64() * 1_000.0;
        let (single, progress) = (&self.submit_to_result, &self.progress_to_subscriber);
        writeln!(f, "{:<40} {}", "shape", self.shape)?;
        writeln!(f, "{:<40} {:.0} ms", "cold start to first accepted workflow", ms(self.cold_start))?;
        let label = format!("one-activity workflows, {} in flight", self.in_flight);
        writeln!(f, "{label:<40} {:.0} /s", self.workflows_per_second)?;
        writeln!(
            f,
            "{:<40} p50 {:.1} ms, p99 {:.1} ms",
            "submit to result, one at a time",
            ms(single.p50),
            ms(single.p99)
        )?;
        writeln!(
            f,
            "{:<40} p50 {:.1} ms, p99 {:.1} ms",
            "progress to subscriber",
            ms(progress.p50),
            ms(progress.p99)
        )?;
        writeln!(f, "{:<40} {:.0} /s", "queries of an idle server", self.queries_per_second)?;
        #[expect(clippy::cast_precision_loss, reason = "a size for people")]
        let megabytes = self.resident_bytes as f64 / 1e6;
        writeln!(f, "{:<40} {megabytes:.0} MB", "resident memory when idle")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_sample() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!((spread.p50, spread.p99), (Duration::from_millis(100), Duration::from_millis(198)));
        assert_eq!(Spread::of(Vec::new()).p99, Duration::ZERO);
    }
}
