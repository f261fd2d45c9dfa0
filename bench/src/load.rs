//! What is asked of each target, round by round.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use ctutor_tests::postgres;
use tokio::task::JoinSet;

use crate::{
    plan::Plan,
    report::{Figure, Report, Unit},
    target::{Kind, Target},
};

/// Workflows in flight at once.
const IN_FLIGHT: [u32; 2] = [64, 256];
/// Activities of the longer workflow, each durable before the next.
const STEPS: u32 = 5;

/// Measures each target in turn, each round on a database made a second before.
pub(crate) async fn measure(plan: &Plan, kinds: &[Kind]) -> Result<Report> {
    let server = postgres::Server::start()?;
    let mut report = Report::new(*plan);
    for round in 1..=plan.rounds {
        for kind in kinds {
            let database = server.cluster().create_database()?;
            let target = Target::open(*kind, &database.url()).await?;
            for figure in round_of(&target, plan).await? {
                report.add(*kind, figure);
            }
            target.close().await?;
            eprintln!("round {round} of {}: {} measured", plan.rounds, kind.name());
        }
    }
    Ok(report)
}

async fn round_of(target: &Target, plan: &Plan) -> Result<Vec<Figure>> {
    // What is first of its kind is not what counts.
    per_second(target, 16, plan.workflows.min(200), 1).await?;
    let mut figures = vec![Figure::new(
        "submit to result, one at a time",
        Unit::Milliseconds,
        singles(target, plan).await?,
    )];
    for in_flight in IN_FLIGHT {
        let rate = per_second(target, in_flight, plan.workflows, 1).await?;
        figures.push(Figure::new(
            format!("one-activity workflows, {in_flight} in flight"),
            Unit::PerSecond,
            rate,
        ));
    }
    for in_flight in IN_FLIGHT {
        let rate =
            per_second(target, in_flight, plan.workflows.div_ceil(STEPS), STEPS).await? * f64::from(STEPS);
        figures.push(Figure::new(
            format!("steps, {STEPS} in a row, {in_flight} in flight"),
            Unit::PerSecond,
            rate,
        ));
    }
    Ok(figures)
}

/// Median time of one workflow at a time, in milliseconds.
async fn singles(target: &Target, plan: &Plan) -> Result<f64> {
    let mut lengths: Vec<Duration> = Vec::new();
    for _ in 0..plan.singles {
        let begun = Instant::now();
        target.run_to_end(1).await?;
        lengths.push(begun.elapsed());
    }
    lengths.sort_unstable();
    Ok(lengths[lengths.len() / 2].as_secs_f64() * 1_000.0)
}

/// Runs so many workflows, so many at once, and returns how many ended in a second.
async fn per_second(target: &Target, in_flight: u32, workflows: u32, steps: u32) -> Result<f64> {
    let left = Arc::new(AtomicU32::new(workflows));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let (left, target) = (left.clone(), target.clone());
        tasks.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                target.run_to_end(steps).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    Ok(f64::from(workflows) / begun.elapsed().as_secs_f64())
}
