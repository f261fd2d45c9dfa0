#![doc = include_str!("../README.md")]

mod engine;
mod limit;
mod load;
mod plan;
mod report;
mod target;

use anyhow::Result;
use clap::Parser;

/// Measures the engine beside the least that PostgreSQL must do for the same guarantees.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds; of each figure the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Workflows of each load
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    workflows: u32,
    /// Workflows one at a time, for the time from submission to result
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    singles: u32,
    /// Measure only the engine or only the limit, as for a profile
    #[arg(long, value_enum)]
    only: Option<target::Kind>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { rounds, workflows, singles, only, json } = Arguments::parse();
    let plan = plan::Plan { rounds, workflows, singles };
    let kinds = only.map_or_else(|| target::Kind::ALL.to_vec(), |kind| vec![kind]);
    let report = load::measure(&plan, &kinds).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report.to_json())?);
    } else {
        print!("{report}");
    }
    Ok(())
}
