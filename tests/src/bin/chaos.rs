//! Kills what runs workflows, again and again, and checks that nothing was lost.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use ctutor_tests::chaos::{self, Logs, Options, Shape};

#[derive(Debug, Parser)]
#[command(
    about = "Runs workflows while everything that runs them is killed, and checks that nothing was lost"
)]
struct Args {
    /// What to put under stress
    #[arg(long, value_enum)]
    database: Shape,

    /// Workflows to run
    #[arg(long, default_value_t = 100)]
    runs: usize,

    /// Blows to deal
    #[arg(long, default_value_t = 45)]
    blows: usize,

    /// Decides everything that is not the machine's own timing [default: drawn]
    #[arg(long)]
    seed: Option<u64>,

    /// Print what was seen
    #[arg(long)]
    report: bool,

    /// Keep the logs even when all goes well
    #[arg(long)]
    keep: bool,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> Result<ExitCode> {
    let Args { database, runs, blows, seed, report: wanted, keep } = Args::parse();
    #[expect(clippy::disallowed_methods, reason = "the report and each failure print the seed")]
    let seed = seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
    let logs = if keep { Logs::Keep } else { Logs::Remove };
    let report = chaos::run(&Options { shape: database, runs, blows, seed, logs }).await?;
    println!("chaos went well with seed {seed}");
    if wanted {
        println!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}
