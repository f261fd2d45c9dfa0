//! Chaos: workflows are submitted and watched while the processes that do them are killed.
//!
//! | part | does |
//! | --- | --- |
//! | [`plan`] | everything that is drawn from the seed: the work, its results, the blows and the waits between them |
//! | [`cluster`] | the processes and servers under test |
//! | [`submit`] | submits until there is an answer, and repeats what may have been lost |
//! | [`watcher`] | follows a run from cursor to cursor to its end |
//! | [`check`] | results, histories and lists at the end, by the public API |
//! | [`leftovers`] | what must not be in the database when all has ended |
//!
//! A seed fixes what is done and how long is waited, not how the machine schedules it, so a failure may need
//! several runs to show itself again. The logs and the embedded database of a failed session are kept.

mod check;
mod cluster;
mod leftovers;
mod losses;
mod pace;
mod plan;
mod session;
mod submit;
mod watcher;

use std::{fmt, time::Duration};

use anyhow::{Context, Result};

/// Which shape of ctutor is put under stress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// `ctutor dev`: one process with an embedded database.
    Sqlite,
    /// Two APIs and two workers with PostgreSQL and Redis.
    Postgres,
}

impl Shape {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A session of chaos.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is put under stress.
    pub shape: Shape,
    /// Workflows to run.
    pub runs: usize,
    /// Blows to deal.
    pub blows: usize,
    /// Decides everything that is not the machine's own timing.
    pub seed: u64,
    /// What becomes of the logs of a session that goes well.
    pub logs: Logs,
}

/// What becomes of the logs, and of the embedded database, of a session that goes well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// They stay, and their folder is printed.
    Keep,
    /// They go.
    Remove,
}

/// What a session that went well has seen.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How often each blow was dealt.
    pub blows: std::collections::BTreeMap<&'static str, usize>,
    /// Workflows that completed.
    pub completed: usize,
    /// Workflows that failed as they should.
    pub failed: usize,
    /// Submissions that were sent again.
    pub repeats: usize,
    /// Streams that were taken up again.
    pub reconnects: usize,
    /// Gaps of the bus that watchers were told of.
    pub gaps: usize,
    /// History events that were checked, each of which its watcher saw once.
    pub events: usize,
    /// Attempts of activities after the first.
    pub further_attempts: usize,
    /// Lines of the logs at level `ERROR`.
    pub error_lines: usize,
    /// Time from the last blow to the last end.
    pub tail: Duration,
    /// Time in all.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blows: Vec<String> = self.blows.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let all: usize = self.blows.values().sum();
        writeln!(f, "{all} blows: {}", blows.join(", "))?;
        writeln!(
            f,
            "{} runs: {} completed, {} failed as they should",
            self.completed + self.failed,
            self.completed,
            self.failed
        )?;
        writeln!(
            f,
            "{} submissions repeated, {} streams taken up again, {} gaps told of",
            self.repeats, self.reconnects, self.gaps
        )?;
        writeln!(
            f,
            "{} events checked, {} further attempts of activities",
            self.events, self.further_attempts
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

/// Runs a session to its end.
///
/// # Errors
/// Something that must hold did not; the message says what, where the logs are and how to run it again.
pub async fn run(options: &Options) -> Result<Report> {
    let Options { shape, runs, blows, seed, logs: _ } = options;
    session::run(options).await.with_context(|| {
        format!(
            "chaos failed; again with: cargo run -p ctutor-tests --bin chaos -- --database {} --runs {runs} \
             --blows {blows} --seed {seed}",
            shape.as_str()
        )
    })
}
