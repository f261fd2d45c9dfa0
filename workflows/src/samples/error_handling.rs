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

/// Longest pause between two tries, in seconds.
const PAUSE_MAX_SECONDS: u64 = 60;

/// What `example_error_handling` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ErrorHandling {
    /// Whether tries fail at all.
    pub should_fail: Truth,
    /// How many failed tries are forgiven.
    pub retry_count: Count,
    /// How many tries fail.
    pub fail_at_step: Count,
}

impl Default for ErrorHandling {
    fn default() -> Self {
        Self { should_fail: Truth(false), retry_count: Count(0), fail_at_step: Count(1) }
    }
}

/// What `example_error_handling` returns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ErrorsHandled {
    /// What happened, in words.
    pub message: String,
    /// Tries, the last and successful one included.
    pub attempts: u32,
    /// How many failed tries were forgiven at most.
    pub retry_count: u32,
}

#[derive(Serialize)]
struct GaveUp {
    attempts: u32,
}

/// Fails as often as it is told, with a durable pause before each new try.
#[derive(Debug, Default)]
pub struct ExampleErrorHandling;

#[workflow(name = "example_error_handling", queue = "computor-tasks", execution_timeout = "1h")]
impl ExampleErrorHandling {
    /// Fails as often as it is told, with a durable pause before each new try.
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
