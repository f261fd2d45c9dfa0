use std::time::Duration;

use ctutor_engine::{
    workflow,
    workflow::{Context, WorkflowError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    envelope::{Envelope, WorkflowTypeMetadata},
    lenient::{Count, Truth},
};

/// Maximum pause between two attempts, in seconds.
const PAUSE_MAX_SECONDS: u64 = 60;

/// Input of `example_error_handling`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ErrorHandling {
    /// Whether attempts fail at all.
    pub should_fail: Truth,
    /// How many failed attempts are retried.
    pub retry_count: Count,
    /// How many attempts fail before one succeeds.
    pub fail_at_step: Count,
}

impl Default for ErrorHandling {
    fn default() -> Self {
        Self { should_fail: Truth(false), retry_count: Count(0), fail_at_step: Count(1) }
    }
}

/// Result of `example_error_handling`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ErrorsHandled {
    /// A sentence that says what happened.
    pub message: String,
    /// Number of attempts, including the successful one.
    pub attempts: u32,
    /// How many failed attempts would have been retried.
    pub retry_count: u32,
}

#[derive(Serialize)]
struct GaveUp {
    attempts: u32,
}

/// Fails a requested number of times, with a durable pause before each retry.
#[derive(Debug, Default)]
pub struct ExampleErrorHandling;

#[workflow(name = "example_error_handling", queue = "computor-tasks", execution_timeout = "1h")]
impl ExampleErrorHandling {
    /// Fails a requested number of times, with a durable pause before each retry.
    #[run]
    async fn run(
        ctx: &Context<Self>,
        input: ErrorHandling,
    ) -> Result<Envelope<ErrorsHandled, WorkflowTypeMetadata>, WorkflowError> {
        let mut attempts = 0;
        while input.should_fail.0 && attempts < input.fail_at_step.0 {
            attempts += 1;
            if attempts > input.retry_count.0 {
                let message = format!("Simulated failure at step {attempts}");
                return Err(WorkflowError::failed("SimulatedFailure", message).details(&GaveUp { attempts }));
            }
            let pause = 2_u64.saturating_pow(attempts).min(PAUSE_MAX_SECONDS);
            ctx.sleep(Duration::from_secs(pause)).await?;
        }
        let attempts = attempts + 1;
        let result = ErrorsHandled {
            message: format!("Completed after {attempts} attempts"),
            attempts,
            retry_count: input.retry_count.0,
        };
        Ok(Envelope::completed(result, WorkflowTypeMetadata::of("error_handling")))
    }
}
