//! Submitting until there is an answer.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::plan::Work;
use crate::client::{Answer, Client};

const START: &str = "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) { \
                     created workflow { id runId workflowId type } userErrors { code message } } }";

/// How long a patient client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Clients of whichever API is there. Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Door {
    client: Client,
    addresses: watch::Receiver<Vec<String>>,
}

impl Door {
    pub(super) fn new(client: Client, addresses: watch::Receiver<Vec<String>>) -> Self {
        Self { client, addresses }
    }

    /// A client of one of the APIs, as soon as there is one.
    pub(super) async fn open(&mut self, choice: usize) -> Result<Client> {
        let addresses = self.addresses.wait_for(|addresses| !addresses.is_empty()).await?;
        Ok(self.client.at(addresses[choice % addresses.len()].clone()))
    }
}

/// A submission that was answered.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) workflow_id: String,
    pub(super) run_id: String,
    /// Global id.
    pub(super) id: String,
    pub(super) work: Work,
    /// How often it was sent beyond the first time.
    pub(super) repeats: usize,
}

/// Submits a workflow; whatever may have been lost is sent again with the same ids.
pub(super) async fn submit(
    mut door: Door,
    workflow_id: String,
    work: Work,
    mut rng: StdRng,
) -> Result<Accepted> {
    let input = json!({ "input": {
        "type": work.workflow_type(),
        "workflowId": workflow_id,
        "idempotencyKey": format!("key of {workflow_id}"),
        "input": work.input(),
        "priority": rng.random_range(-1..=1),
    } });
    // Some clients give up early, so that answers are lost although nothing has failed.
    let hasty = rng.random_bool(0.2);
    let again = usize::from(rng.random_bool(0.15));
    let (mut sent, mut answered, mut created) = (0, 0, 0);
    let mut runs = BTreeSet::new();
    loop {
        let client = door.open(rng.random_range(0..8)).await?;
        let patience =
            if hasty && sent < 2 { Duration::from_millis(rng.random_range(0..40)) } else { PATIENCE };
        sent += 1;
        let answer = tokio::time::timeout(patience, client.execute(START, input.clone())).await;
        let Some(payload) = answer.ok().and_then(Result::ok).map_or(Ok(None), |answer| accepted(&answer))?
        else {
            // No server is hammered while it goes down; the wait belongs to a client as it should be.
            super::pace::let_run(Duration::from_millis(rng.random_range(10..200))).await;
            continue;
        };
        answered += 1;
        created += usize::from(payload["created"] == true);
        let workflow = &payload["workflow"];
        let text = |field: &str| workflow[field].as_str().map(str::to_owned).context("a field is missing");
        runs.insert((text("id")?, text("runId")?));
        ensure!(runs.len() == 1, "`{workflow_id}` was started as several runs: {runs:?}");
        ensure!(created <= 1, "`{workflow_id}` was created more than once");
        ensure!(created == 1 || answered < sent, "`{workflow_id}` was there before it was submitted");
        ensure!(text("workflowId")? == workflow_id, "`{workflow_id}` was answered with {workflow}");
        if answered > again {
            let (id, run_id) = runs.pop_first().context("it was answered")?;
            return Ok(Accepted { workflow_id, run_id, id, work, repeats: sent - 1 });
        }
    }
}

/// The payload of an acceptance; none when the server could not decide.
fn accepted(answer: &Answer) -> Result<Option<Value>> {
    let payload = &answer.body["data"]["startWorkflow"];
    if payload.is_object() {
        let errors = &payload["userErrors"];
        ensure!(errors.as_array().is_some_and(Vec::is_empty), "a submission was refused: {errors}");
        return Ok(Some(payload.clone()));
    }
    if is_passing(&answer.body["errors"]) {
        return Ok(None);
    }
    bail!("a submission failed with status {}: {}", answer.status, answer.body)
}

/// Whether errors say that the service, not the request, is at fault.
pub(super) fn is_passing(errors: &Value) -> bool {
    let codes = ["UNAVAILABLE", "REQUEST_TIMEOUT"];
    errors.as_array().is_some_and(|errors| {
        !errors.is_empty()
            && errors
                .iter()
                .all(|error| error["extensions"]["code"].as_str().is_some_and(|code| codes.contains(&code)))
    })
}
