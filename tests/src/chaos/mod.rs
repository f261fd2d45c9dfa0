//! Chaos: workflows are submitted and watched while the processes that do them are killed.
//!
//! | part | does |
//! | --- | --- |
//! | [`plan`] | what is drawn from the seed about the runs: their work, when they are stopped, who watches |
//! | [`work`] | the workflows and their results |
//! | [`blows`] | what is drawn from the seed to be done to the system |
//! | [`cluster`] | the processes and servers under test |
//! | [`door`] | asks whichever API is there until it has answered |
//! | [`submit`], [`stop`] | starts, cancels and terminates, and repeats what may have been lost |
//! | [`watcher`] | follows a run from cursor to cursor to its end |
//! | [`check`] | results, stops and lists at the end, by the public API |
//! | [`history`] | what one history must look like |
//! | [`leftovers`] | what must not be in the database when all has ended |
//!
//! A seed fixes what is done and how long is waited, not how the machine schedules it, so a failure may need
//! several runs to show itself again. The logs and the embedded database of a failed session are kept.

mod blows;
mod check;
mod cluster;
mod door;
mod history;
mod leftovers;
mod losses;
mod pace;
mod plan;
mod report;
mod session;
mod stop;
mod submit;
mod watcher;
mod work;

use anyhow::{Context, Result};

pub use report::Report;

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
