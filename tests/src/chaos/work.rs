//! The workflows that are run, and what must come out of them.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

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
    /// Work that ends within some seconds.
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
            _ => Self::ErrorHandling {
                failures: [0, 1, 1, 2][rng.random_range(0..4_usize)],
                forgiven: rng.random_range(0..=2),
            },
        }
    }

    /// Work that runs on for longer than a session waits: an activity with heartbeats, or timer after timer. What
    /// is left of it when it was stopped shows as an activity that still runs, or as a run that never ends.
    pub(super) fn draw_endless(rng: &mut StdRng, index: usize) -> Self {
        if rng.random_bool(0.7) {
            Self::LongRunning { seconds: rng.random_range(250..=280), message: format!("message {index}") }
        } else {
            Self::ErrorHandling { failures: 9, forgiven: 9 }
        }
    }

    /// How long it takes when nothing disturbs it.
    pub(super) fn length(&self) -> Duration {
        match self {
            Self::LongRunning { seconds, .. } => Duration::from_secs(u64::from(*seconds)),
            Self::DataProcessing { items, chunk, .. } => Duration::from_millis(500) * items.div_ceil(*chunk),
            Self::ErrorHandling { failures, forgiven } => {
                let pauses = (1..=*failures.min(forgiven)).map(|tried| 2_u64.saturating_pow(tried).min(60));
                Duration::from_secs(pauses.sum())
            }
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
