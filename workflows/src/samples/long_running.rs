use std::time::Duration;

use ctutor_engine::{
    activity,
    activity::{ActivityContext, ActivityError, Progress},
    payload::Payload,
    workflow,
    workflow::{Context, WorkflowError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    envelope::{Envelope, WorkflowTypeMetadata},
    lenient::Count,
};

/// Input of `example_long_running`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LongRunning {
    /// How long the activity runs, in seconds.
    pub duration: Count,
    /// Message that the result repeats.
    pub message: String,
}

impl Default for LongRunning {
    fn default() -> Self {
        Self { duration: Count(60), message: "Processing...".to_owned() }
    }
}

/// Result of `example_long_running`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Processed {
    /// The message from the input.
    pub message: String,
    /// Requested duration, in seconds.
    pub duration_requested: u32,
    /// Actual duration over all attempts, in seconds.
    pub duration_actual: f64,
    /// When the first attempt started (RFC 3339, UTC).
    pub started_at: String,
    /// When the activity ended (RFC 3339, UTC).
    pub completed_at: String,
}

/// State from which the next attempt resumes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Seconds that have passed.
    second: u32,
    /// When the first attempt started, in milliseconds since 1970.
    began_at_ms: ctutor_engine::clock::Timestamp,
}

#[derive(Serialize)]
struct Stage<'a> {
    percent: f64,
    stage: &'a str,
    message: &'a str,
}

/// Runs for the requested time and reports progress once a second.
#[activity(heartbeat = "10s", retry(initial = "1s", backoff = 2.0, max_interval = "10s", max_attempts = 3))]
pub async fn simulate_processing(
    ctx: &ActivityContext<Checkpoint>,
    input: LongRunning,
) -> Result<Processed, ActivityError> {
    let total = input.duration.0;
    let mut at = ctx.resume().unwrap_or(Checkpoint { second: 0, began_at_ms: ctx.now() });
    ctx.checkpoint(&at).report(progress(at.second, total, &input.message));
    while at.second < total {
        ctx.sleep(Duration::from_secs(1)).await?;
        at.second += 1;
        ctx.checkpoint(&at).report(progress(at.second, total, &input.message));
    }
    let completed_at = ctx.now();
    Ok(Processed {
        message: input.message,
        duration_requested: total,
        duration_actual: completed_at.since(at.began_at_ms).as_secs_f64(),
        started_at: at.began_at_ms.to_string(),
        completed_at: completed_at.to_string(),
    })
}

fn progress(second: u32, total: u32, message: &str) -> Progress {
    let percent = if total == 0 { 100.0 } else { f64::from(second) / f64::from(total) * 100.0 };
    let stage = Stage { percent, stage: "processing", message };
    Progress {
        completed: f64::from(second),
        total: f64::from(total),
        message: message.to_owned(),
        details: Payload::encode(&stage).ok(),
    }
}

/// Runs for a requested time, with a heartbeat every second.
#[derive(Debug, Default)]
pub struct ExampleLongRunning;

#[workflow(name = "example_long_running", queue = "computor-tasks", execution_timeout = "5m")]
impl ExampleLongRunning {
    /// Runs for a requested time, with a heartbeat every second.
    #[run]
    async fn run(
        ctx: &Context<Self>,
        input: LongRunning,
    ) -> Result<Envelope<Processed, WorkflowTypeMetadata>, WorkflowError> {
        // Thirty seconds more than asked for, so that a slow machine is not taken for a stuck activity.
        let limit = Duration::from_secs(u64::from(input.duration.0) + 30);
        let processed = ctx.activity(simulate_processing, input).start_to_close(limit).await?;
        Ok(Envelope::completed(processed, WorkflowTypeMetadata::of("long_running")))
    }
}
