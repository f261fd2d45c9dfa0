//! The load program: first figures of ctutor over its public API.
//!
//! It starts what it measures, private and with nothing else in it, drives it as clients do, and stops it.
//! Machines are noisy: compare figures of one run with each other, and repeat.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use ctutor_tests::load::{self, Shape};

/// Measures ctutor over its public API.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is measured.
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
    /// The program; a release build for figures that count.
    #[arg(long, default_value = "target/release/ctutor")]
    program: PathBuf,
    /// Workflows in flight at once, for throughput.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Workflows for throughput.
    #[arg(long, default_value_t = 5_000)]
    workflows: usize,
    /// Workflows one at a time, for latency.
    #[arg(long, default_value_t = 500)]
    singles: usize,
    /// Seconds of heartbeats, for the way from the activity to the subscriber.
    #[arg(long, default_value_t = 20)]
    heartbeat_seconds: u32,
    /// Queries to an idle server.
    #[arg(long, default_value_t = 20_000)]
    queries: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Database {
    /// `ctutor dev` on an embedded file.
    Sqlite,
    /// `ctutor serve` on a private PostgreSQL, hints inside the process.
    Postgres,
    /// `ctutor api` and a worker on a private PostgreSQL and Redis.
    Cluster,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let shape = match arguments.database {
        Database::Sqlite => Shape::Sqlite,
        Database::Postgres => Shape::Postgres,
        Database::Cluster => Shape::Cluster,
    };
    let plan = load::Plan {
        in_flight: arguments.in_flight,
        workflows: arguments.workflows,
        singles: arguments.singles,
        heartbeat_seconds: arguments.heartbeat_seconds,
        queries: arguments.queries,
    };
    // What is measured runs in a folder of its own.
    let program = arguments.program.canonicalize();
    let program = program.with_context(|| format!("no program `{}`", arguments.program.display()))?;
    let figures = load::measure(shape, &program, &plan).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&figures.to_json())?);
    } else {
        print!("{figures}");
    }
    Ok(())
}
