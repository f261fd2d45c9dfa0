//! Measuring ctutor over its public API.

mod figures;
mod server;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use figures::{Figures, Spread};
pub use server::Shape;

use crate::{client::Client, wait};
use server::Running;

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Workflows in flight at once.
    pub in_flight: usize,
    /// Workflows for throughput.
    pub workflows: usize,
    /// Workflows one at a time.
    pub singles: usize,
    /// Seconds of heartbeats.
    pub heartbeat_seconds: u32,
    /// Queries to an idle server.
    pub queries: usize,
}

/// One activity that returns at once.
const ONE_ACTIVITY: &str = r#"mutation { startWorkflow(input: {type: "example_long_running", input: {duration: 0}})
    { workflow { id workflowId } userErrors { message } } }"#;
const HEARTBEATS: &str = "subscription ($id: ID!) { workflowStream(id: $id) { __typename
    ... on ActivityProgressed { activity { heartbeat { at } } } } }";
const QUERY: &str = "{ viewer { subject } }";
/// Connections that ask an idle server.
const QUERY_CONNECTIONS: usize = 16;

/// Starts what is measured, measures, and stops it.
///
/// # Errors
/// When something does not start, or an answer is not as it should be.
pub async fn measure(shape: Shape, program: &Path, plan: &Plan) -> Result<Figures> {
    let running = Running::start(shape, program).await?;
    let cold_start = first_accepted(&running).await?;
    let client = running.client.clone();
    let resident_bytes = running.resident_bytes()?;
    let queries_per_second = queries(&client, plan).await?;
    let submit_to_result = singles(&client, plan).await?;
    let workflows_per_second = throughput(&client, plan).await?;
    let progress_to_subscriber = heartbeats(&client, plan).await?;
    running.stop()?;
    Ok(Figures {
        shape: shape.name(),
        cold_start,
        workflows_per_second,
        in_flight: plan.in_flight,
        submit_to_result,
        progress_to_subscriber,
        queries_per_second,
        resident_bytes,
    })
}

/// A worker of another process may still be registering, so the first start may be refused for a moment.
async fn first_accepted(running: &Running) -> Result<Duration> {
    wait::until_async("a workflow to be accepted", async || Ok(start(&running.client).await.ok())).await?;
    Ok(running.started.elapsed())
}

async fn start(client: &Client) -> Result<(String, String)> {
    let data = client.data(ONE_ACTIVITY, Value::Null).await?;
    let started = &data["startWorkflow"]["workflow"];
    let text = |field: &str| started[field].as_str().map(str::to_owned);
    text("id").zip(text("workflowId")).with_context(|| format!("a start was refused: {data}"))
}

/// Starts a workflow and waits for its result.
async fn one(client: &Client) -> Result<()> {
    let (_, workflow_id) = start(client).await?;
    let answer = client.get(&format!("/tasks/{workflow_id}/result")).await?;
    ensure!(answer.body["status"] == "finished", "a workflow did not finish: {}", answer.body);
    Ok(())
}

async fn singles(client: &Client, plan: &Plan) -> Result<Spread> {
    let mut lengths = Vec::with_capacity(plan.singles);
    for _ in 0..plan.singles {
        let begun = Instant::now();
        one(client).await?;
        lengths.push(begun.elapsed());
    }
    Ok(Spread::of(lengths))
}

async fn throughput(client: &Client, plan: &Plan) -> Result<f64> {
    per_second(plan.in_flight, plan.workflows, client, |client| async move { one(&client).await }).await
}

async fn queries(client: &Client, plan: &Plan) -> Result<f64> {
    let ask = |client: Client| async move { client.data(QUERY, Value::Null).await.map(|_| ()) };
    per_second(QUERY_CONNECTIONS, plan.queries, client, ask).await
}

/// Does a thing so many times, so many at once, and returns how many were done in a second.
async fn per_second<F, T>(at_once: usize, times: usize, client: &Client, thing: F) -> Result<f64>
where
    F: Fn(Client) -> T + Copy + Send + 'static,
    T: Future<Output = Result<()>> + Send + 'static,
{
    let left = Arc::new(AtomicUsize::new(times));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (left, client) = (left.clone(), client.clone());
        tasks.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                thing(client.clone()).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    Ok(times as f64 / begun.elapsed().as_secs_f64())
}

/// Subscribes to a run that reports every second, and compares the instants in the reports with the clock.
async fn heartbeats(client: &Client, plan: &Plan) -> Result<Spread> {
    const START: &str = r#"mutation ($input: JSON) { startWorkflow(input: {type: "example_long_running", input: $input})
        { workflow { id } userErrors { message } } }"#;
    let input = json!({"duration": plan.heartbeat_seconds});
    let data = client.data(START, json!({"input": input})).await?;
    let id = data["startWorkflow"]["workflow"]["id"].as_str().context("a start was refused")?.to_owned();
    let mut stream = client.subscribe(HEARTBEATS, json!({"id": id})).await?;
    let mut lengths = Vec::new();
    while let Some(item) = stream.next().await? {
        let at = &item["workflowStream"]["activity"]["heartbeat"]["at"];
        if let Some(at) = at.as_str() {
            lengths.push(since(at)?);
        }
    }
    // The first may come from the snapshot, which is as old as it is.
    ensure!(lengths.len() > 1, "only {} heartbeats came", lengths.len());
    lengths.remove(0);
    Ok(Spread::of(lengths))
}

/// Time since an instant in RFC 3339, UTC with milliseconds, of this same day.
fn since(at: &str) -> Result<Duration> {
    let clock =
        at.split_once('T').and_then(|(_, clock)| clock.strip_suffix('Z')).context("no UTC instant")?;
    let mut seconds = 0.0;
    for part in clock.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>()?;
    }
    #[expect(clippy::disallowed_methods, reason = "the other end of the way is this machine's clock too")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() % 86_400.0;
    let length = (now - seconds).rem_euclid(86_400.0);
    if length > 3_600.0 {
        // The instant has whole milliseconds, so the clock may seem to be a moment behind it.
        if 86_400.0 - length < 1.0 {
            return Ok(Duration::ZERO);
        }
        bail!("a heartbeat of `{at}` came {length} s later");
    }
    Ok(Duration::from_secs_f64(length))
}
