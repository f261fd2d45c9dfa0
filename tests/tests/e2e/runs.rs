//! Runs of workflows, as clients start and see them.

use anyhow::{Context, Result, bail};
use ctutor_tests::{client::Client, wait};
use serde_json::{Value, json};

const START: &str = "mutation ($input: StartWorkflowInput!) {
    startWorkflow(input: $input) {
        created
        workflow { id runId workflowId type status taskQueue priority owner }
        userErrors { code message path }
    }
}";

const FIND: &str = "query ($id: ID!) {
    node(id: $id) {
        ... on WorkflowExecution {
            id workflowId type status taskQueue priority owner workerIdentity input result memo
            failure { type message nonRetryable details cause { type message details } }
            activities { nodes { type status attempt workerIdentity input result lastFailure { type message } } }
            history(first: 500) { nodes { sequence type attributes } }
        }
    }
}";

/// What a start gave.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Global id.
    pub(crate) id: String,
    pub(crate) workflow_id: String,
    /// As it was accepted.
    pub(crate) accepted: Value,
}

/// Starts a run.
pub(crate) async fn start(client: &Client, input: Value) -> Result<Run> {
    let payload = try_start(client, input).await?;
    if payload["userErrors"] != json!([]) {
        bail!("not started: {:#}", payload["userErrors"]);
    }
    let text = |name: &str| payload["workflow"][name].as_str().map(str::to_owned).context("a run has ids");
    Ok(Run { id: text("id")?, workflow_id: text("workflowId")?, accepted: payload["workflow"].clone() })
}

/// Starts a run that may be refused, and returns the payload.
pub(crate) async fn try_start(client: &Client, input: Value) -> Result<Value> {
    Ok(client.data(START, json!({ "input": input })).await?["startWorkflow"].take())
}

/// All there is to see of a run; null when there is nothing.
pub(crate) async fn find(client: &Client, id: &str) -> Result<Value> {
    Ok(client.data(FIND, json!({ "id": id })).await?["node"].take())
}

/// Waits for the end of a run, and returns all there is to see of it.
pub(crate) async fn ended(client: &Client, run: &Run) -> Result<Value> {
    wait::until_async(format!("the end of `{}`", run.workflow_id), async || {
        // The twin holds the call until the run has ended or the time is over.
        let result = client.get(&format!("/tasks/{}/result?timeout=20", run.workflow_id)).await?;
        match result.status.as_u16() {
            200 => find(client, &run.id).await.map(Some),
            202 => Ok(None),
            _ => bail!("no result: {result:?}"),
        }
    })
    .await
}

/// How many runs the caller sees.
pub(crate) async fn count(client: &Client) -> Result<i64> {
    let data = client.data("{ workflows(first: 1) { totalCount } }", json!({})).await?;
    data["workflows"]["totalCount"].as_i64().context("a count")
}

/// Types of the events of a run, in order.
pub(crate) fn event_types(found: &Value) -> Vec<&str> {
    let events = found["history"]["nodes"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Events of one type, in order.
pub(crate) fn events_of<'a>(found: &'a Value, event_type: &str) -> Vec<&'a Value> {
    let events = found["history"]["nodes"].as_array().unwrap();
    events.iter().filter(|event| event["type"] == event_type).collect()
}
