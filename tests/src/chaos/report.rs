//! What a session that went well has seen.

use std::{collections::BTreeMap, fmt, time::Duration};

/// Numbers of a session, and nothing that was not counted.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How often each blow was dealt.
    pub blows: BTreeMap<&'static str, usize>,
    /// Workflows that completed.
    pub completed: usize,
    /// Workflows that failed as they should.
    pub failed: usize,
    /// Workflows that began later than they were accepted, because they should.
    pub delayed: usize,
    /// Cancellations that were answered.
    pub cancels: Stops,
    /// Terminations that were answered.
    pub terminates: Stops,
    /// Submissions that were sent again.
    pub repeats: usize,
    /// Watchers that began with a snapshot.
    pub from_snapshot: usize,
    /// Watchers that began with the first event.
    pub from_first_event: usize,
    /// Those of the watchers that came after the end.
    pub late: usize,
    /// Longest time from the connection of a late watcher to the end of its stream.
    pub late_max: Duration,
    /// Streams that were taken up again.
    pub reconnects: usize,
    /// Gaps of the bus that watchers were told of.
    pub gaps: usize,
    /// History events that were checked.
    pub events: usize,
    /// Events that watchers were sent, each once.
    pub events_sent: usize,
    /// Timers that fired.
    pub timers: usize,
    /// Attempts of activities after the first.
    pub further_attempts: usize,
    /// Lines of the logs at level `ERROR`.
    pub error_lines: usize,
    /// Time from the last blow to the last end.
    pub tail: Duration,
    /// Time in all.
    pub took: Duration,
}

/// Requests to stop, by what they led to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stops {
    /// They ended their runs.
    pub effective: usize,
    /// The run had ended before, and the answer said so.
    pub late: usize,
    /// They were sent again.
    pub repeats: usize,
}

impl Stops {
    fn describe(self, what: &str) -> String {
        let Self { effective, late, repeats } = self;
        format!(
            "{} {what} answered: {effective} ended their runs, {late} came after the end, {repeats} repeated",
            effective + late
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blows: Vec<String> = self.blows.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let all: usize = self.blows.values().sum();
        writeln!(f, "{all} blows: {}", blows.join(", "))?;
        let (canceled, terminated) = (self.cancels.effective, self.terminates.effective);
        writeln!(
            f,
            "{} runs: {} completed, {} failed as they should, {canceled} canceled, {terminated} terminated; \
             {} of them began with a delay",
            self.completed + self.failed + canceled + terminated,
            self.completed,
            self.failed,
            self.delayed
        )?;
        writeln!(f, "{}", self.cancels.describe("cancels"))?;
        writeln!(f, "{}", self.terminates.describe("terminates"))?;
        writeln!(
            f,
            "{} watchers: {} from a snapshot, {} from the first event; {} of them came after the end, which the \
             slowest heard of within {:.2} s",
            self.from_snapshot + self.from_first_event,
            self.from_snapshot,
            self.from_first_event,
            self.late,
            self.late_max.as_secs_f64()
        )?;
        writeln!(
            f,
            "{} submissions repeated, {} streams taken up again, {} gaps told of",
            self.repeats, self.reconnects, self.gaps
        )?;
        writeln!(
            f,
            "{} events checked, {} events sent to watchers, {} timers fired, {} further attempts of activities",
            self.events, self.events_sent, self.timers, self.further_attempts
        )?;
        write!(
            f,
            "{} error lines in the logs, {:.1} s from the last blow to the last end, {:.1} s in all",
            self.error_lines,
            self.tail.as_secs_f64(),
            self.took.as_secs_f64()
        )
    }
}
