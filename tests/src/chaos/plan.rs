//! Everything that is drawn from the seed.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{Options, Shape};

/// Independent streams of one seed, so that a change in one part leaves the others as they were.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Work,
    Blows,
    Submission(usize),
}

pub(super) fn rng(seed: u64, stream: Stream) -> StdRng {
    let offset = match stream {
        Stream::Work => 1,
        Stream::Blows => 2,
        Stream::Submission(index) => 1_000 + index as u64,
    };
    StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(offset))
}

/// A workflow to run, of which it is known what comes out.
#[derive(Debug, Clone)]
pub(super) enum Work {
    LongRunning { seconds: u32, message: String },
    DataProcessing { items: u32, chunk: u32, operation: &'static str },
    ErrorHandling { failures: u32, forgiven: u32 },
}

/// What comes out of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The fields of `result` that are certain.
    Completed(Value),
    /// Class, message and details of the failure.
    Failed { failure_type: &'static str, message: String, details: Value },
}

impl Work {
    pub(super) fn draw(rng: &mut StdRng, index: usize) -> Self {
        match rng.random_range(0..10) {
            0..4 => {
                Self::LongRunning { seconds: rng.random_range(2..=4), message: format!("message {index}") }
            }
            4..7 => Self::DataProcessing {
                items: rng.random_range(1..=40),
                chunk: rng.random_range(8..=20),
                operation: ["sum", "count", "max"][rng.random_range(0..3_usize)],
            },
            _ => Self::ErrorHandling { failures: rng.random_range(0..=2), forgiven: rng.random_range(0..=2) },
        }
    }

    pub(super) fn workflow_type(&self) -> &'static str {
        match self {
            Self::LongRunning { .. } => "example_long_running",
            Self::DataProcessing { .. } => "example_data_processing",
            Self::ErrorHandling { .. } => "example_error_handling",
        }
    }

    pub(super) fn input(&self) -> Value {
        match self {
            Self::LongRunning { seconds, message } => json!({ "duration": seconds, "message": message }),
            Self::DataProcessing { items, chunk, operation } => {
                json!({ "data_size": items, "chunk_size": chunk, "operation": operation })
            }
            Self::ErrorHandling { failures, forgiven } => {
                json!({ "should_fail": true, "fail_at_step": failures, "retry_count": forgiven })
            }
        }
    }

    /// Activities that a run of it schedules.
    pub(super) fn activities(&self) -> usize {
        match self {
            Self::LongRunning { .. } => 1,
            Self::DataProcessing { items, chunk, .. } => items.div_ceil(*chunk) as usize,
            Self::ErrorHandling { .. } => 0,
        }
    }

    /// Timers that a run of it starts.
    pub(super) fn timers(&self) -> usize {
        match self {
            Self::LongRunning { .. } | Self::DataProcessing { .. } => 0,
            Self::ErrorHandling { failures, forgiven } => (*failures).min(*forgiven) as usize,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::LongRunning { seconds, message } => {
                Outcome::Completed(json!({ "message": message, "duration_requested": seconds }))
            }
            Self::DataProcessing { items, chunk, operation } => processed(*items, *chunk, operation),
            Self::ErrorHandling { failures, forgiven } if failures <= forgiven => {
                let attempts = failures + 1;
                Outcome::Completed(json!({
                    "message": format!("Completed after {attempts} attempts"),
                    "attempts": attempts,
                    "retry_count": forgiven,
                }))
            }
            Self::ErrorHandling { forgiven, .. } => Outcome::Failed {
                failure_type: "SimulatedFailure",
                message: format!("Simulated failure at step {}", forgiven + 1),
                details: json!({ "attempts": forgiven + 1 }),
            },
        }
    }
}

fn processed(items: u32, chunk: u32, operation: &str) -> Outcome {
    let all: Vec<u32> = (1..=items).collect();
    let reduce = |numbers: &[u32]| match operation {
        "sum" => numbers.iter().sum(),
        "count" => u32::try_from(numbers.len()).unwrap_or(u32::MAX),
        _ => numbers.iter().copied().max().unwrap_or(0),
    };
    let chunks: Vec<Value> = all
        .chunks(chunk as usize)
        .map(|part| json!({ "chunk_size": part.len(), "operation": operation, "result": reduce(part) }))
        .collect();
    Outcome::Completed(json!({
        "total_items": items,
        "chunks_processed": chunks.len(),
        "chunk_size": chunk,
        "operation": operation,
        "final_result": reduce(&all),
        "chunk_results": chunks,
    }))
}

/// What is done to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// Every process of ctutor is killed.
    KillAll,
    /// Every process is killed, and once more while it starts.
    KillAllTwice,
    /// Every process is asked to stop.
    StopAll,
    KillWorker(usize),
    /// A worker is asked to stop.
    StopWorker(usize),
    /// A worker is halted until its leases are over, and goes on then without knowing.
    HaltWorker(usize),
    KillApi(usize),
    KillRedis,
    /// Redis forgets everything and drops its subscribers.
    FlushRedis,
    /// Redis is halted with its connections open.
    HaltRedis,
    /// PostgreSQL ends like by a power failure.
    CrashPostgres,
}

impl Blow {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillAll => "kills of everything",
            Self::KillAllTwice => "kills of everything that were repeated at the start",
            Self::StopAll => "stops of everything",
            Self::KillWorker(_) => "kills of a worker",
            Self::StopWorker(_) => "stops of a worker",
            Self::HaltWorker(_) => "halts of a worker",
            Self::KillApi(_) => "kills of an API",
            Self::KillRedis => "kills of Redis",
            Self::FlushRedis => "flushes of Redis",
            Self::HaltRedis => "halts of Redis",
            Self::CrashPostgres => "crashes of PostgreSQL",
        }
    }

    /// How often an activity can lose its worker by it.
    fn losses(self) -> u32 {
        match self {
            Self::KillAll | Self::KillWorker(_) | Self::HaltWorker(_) => 1,
            Self::KillAllTwice => 2,
            _ => 0,
        }
    }

    fn draw(rng: &mut StdRng, shape: Shape) -> Self {
        let one_of_two = rng.random_range(0..2);
        match (shape, rng.random_range(0..100)) {
            (Shape::Sqlite, 0..70) => Self::KillAll,
            (Shape::Sqlite, 70..90) => Self::KillAllTwice,
            (Shape::Sqlite, _) => Self::StopAll,
            (Shape::Postgres, 0..26) => Self::KillWorker(one_of_two),
            (Shape::Postgres, 26..44) => Self::KillApi(one_of_two),
            (Shape::Postgres, 44..56) => Self::KillAll,
            (Shape::Postgres, 56..60) => Self::KillAllTwice,
            (Shape::Postgres, 60..68) => Self::KillRedis,
            (Shape::Postgres, 68..76) => Self::FlushRedis,
            (Shape::Postgres, 76..84) => Self::HaltRedis,
            (Shape::Postgres, 84..91) => Self::CrashPostgres,
            (Shape::Postgres, 91..96) => Self::StopWorker(one_of_two),
            (Shape::Postgres, _) => Self::HaltWorker(one_of_two),
        }
    }
}

/// A blow with the waits around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// Undisturbed time before it.
    pub(super) before: Duration,
    pub(super) blow: Blow,
    /// How long what was hit stays away.
    pub(super) away: Duration,
}

/// Losses of workers in a row that an activity survives, whose third attempt is the last.
const LOSSES_MAX: u32 = 2;

/// Draws all blows of a session.
///
/// An activity that loses a worker in each of its attempts fails, and rightly so. As that is not what a session is
/// for, a pause in which the longest activity can end follows whenever it has lost as many as it may.
pub(super) fn blows(options: &Options) -> Vec<Planned> {
    let mut rng = rng(options.seed, Stream::Blows);
    let mut losses = 0;
    let draw = |_| {
        let blow = Blow::draw(&mut rng, options.shape);
        let away = match blow {
            // Longer than leases last.
            Blow::HaltWorker(_) => rng.random_range(9_000..11_000),
            Blow::HaltRedis => rng.random_range(500..4_000),
            _ => rng.random_range(0..1_500),
        };
        let mut before = rng.random_range(200..2_500);
        losses += blow.losses();
        if losses > LOSSES_MAX {
            losses = blow.losses();
            before += 5_500;
        }
        Planned { before: Duration::from_millis(before), blow, away: Duration::from_millis(away) }
    };
    (0..options.blows).map(draw).collect()
}
