//! Workflows to try the API with.

use std::time::Duration;

use ctutor_engine::{
    activity,
    activity::{ActivityContext, ActivityError},
    registry::Registry,
    workflow,
    workflow::{Context, WorkflowError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Every type of this module.
pub(crate) fn registry() -> Registry {
    Registry::new()
        .workflow::<Echo>()
        .workflow::<Mirror>()
        .workflow::<StudentTesting>()
        .workflow::<Counting>()
        .workflow::<Waiting>()
        .workflow::<Failing>()
        .workflow::<ElsewhereAtHome>()
        .workflow::<Repeating>()
        .workflow::<RepeatingThenWaiting>()
        .activity(count)
        .activity(pass)
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
// It takes more than it reads.
#[schemars(extend("additionalProperties" = true))]
pub(crate) struct Text {
    #[serde(default)]
    text: String,
}

#[derive(Debug, Default)]
pub(crate) struct Echo;

/// Returns what it gets.
#[workflow(name = "echo")]
impl Echo {
    #[run]
    async fn run(_: &Context<Self>, input: Text) -> Result<Text, WorkflowError> {
        Ok(input)
    }
}

/// Any JSON value, as it is written.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Anything(#[schemars(with = "serde_json::Value")] Box<RawValue>);

#[derive(Debug, Default)]
pub(crate) struct Mirror;

/// Returns what it gets, as it is written.
#[workflow(name = "mirror")]
impl Mirror {
    #[run]
    async fn run(_: &Context<Self>, input: Anything) -> Result<Anything, WorkflowError> {
        Ok(input)
    }
}

#[derive(Debug, Default)]
pub(crate) struct StudentTesting;

/// Stands for the one type that users may start.
#[workflow(name = "student_testing")]
impl StudentTesting {
    #[run]
    async fn run(_: &Context<Self>, input: Text) -> Result<Text, WorkflowError> {
        Ok(input)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Steps {
    steps: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Counting;

/// Counts, telling how far it is.
#[workflow(name = "counting")]
impl Counting {
    #[run]
    async fn run(ctx: &Context<Self>, input: Steps) -> Result<u32, WorkflowError> {
        Ok(ctx.activity(count, input.steps).await?)
    }
}

/// Counts.
#[activity(start_to_close = "1m", heartbeat = "10s")]
async fn count(ctx: &ActivityContext<u32>, steps: u32) -> Result<u32, ActivityError> {
    for step in 1..=steps {
        ctx.sleep(Duration::from_millis(150)).await?;
        ctx.progress(f64::from(step), f64::from(steps), "counting");
    }
    Ok(steps)
}

#[derive(Debug, Default)]
pub(crate) struct Waiting;

/// Waits for an hour, or until it is stopped.
#[workflow(name = "waiting")]
impl Waiting {
    #[run]
    async fn run(ctx: &Context<Self>) -> Result<(), WorkflowError> {
        ctx.sleep(Duration::from_secs(3_600)).await?;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Failing;

/// Fails with details.
#[workflow(name = "failing")]
impl Failing {
    #[run]
    async fn run(_: &Context<Self>, _: Text) -> Result<(), WorkflowError> {
        let details = serde_json::json!({ "attempts": 2 });
        Err(WorkflowError::failed("Simulated", "Simulated failure at step 2").details(&details))
    }
}

#[derive(Debug, Default)]
pub(crate) struct ElsewhereAtHome;

/// Has a queue of its own, which no worker of the tests serves.
#[workflow(name = "elsewhere", queue = "elsewhere")]
impl ElsewhereAtHome {
    #[run]
    async fn run(_: &Context<Self>, input: Text) -> Result<Text, WorkflowError> {
        Ok(input)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Repeat {
    text: String,
    times: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Repeating;

/// Has many events, each with the text in it.
#[workflow(name = "repeating")]
impl Repeating {
    #[run]
    async fn run(ctx: &Context<Self>, input: Repeat) -> Result<(), WorkflowError> {
        for _ in 0..input.times {
            ctx.activity(pass, input.text.clone()).await?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct RepeatingThenWaiting;

/// Has many events, each with the text in it, and waits then for an hour, or until it is stopped.
#[workflow(name = "repeating_then_waiting")]
impl RepeatingThenWaiting {
    #[run]
    async fn run(ctx: &Context<Self>, input: Repeat) -> Result<(), WorkflowError> {
        for _ in 0..input.times {
            ctx.activity(pass, input.text.clone()).await?;
        }
        ctx.sleep(Duration::from_secs(3_600)).await?;
        Ok(())
    }
}

/// Returns what it gets.
#[activity(start_to_close = "1m")]
async fn pass(_: &ActivityContext, text: String) -> Result<String, ActivityError> {
    Ok(text)
}
