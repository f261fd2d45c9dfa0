//! Clients of whichever API is there, who ask until they are answered.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::pace;
use crate::{
    client::{Answer, Client},
    wait,
};

/// How long a patient client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the APIs are. Cloning is cheap.
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

/// A caller of a mutation who sends again whatever may have been lost.
pub(super) struct Caller {
    door: Door,
    rng: StdRng,
    /// Gives up early at first, so that answers are lost although nothing has failed.
    hasty: bool,
    /// How often it asks once more though it was answered.
    pub(super) again: usize,
    /// How often it has sent something.
    pub(super) sent: usize,
}

/// An answer, and the address that it came from.
pub(super) struct Answered {
    pub(super) payload: Value,
    pub(super) by: String,
}

impl Caller {
    pub(super) fn new(door: Door, mut rng: StdRng) -> Self {
        let hasty = rng.random_bool(0.2);
        let again = usize::from(rng.random_bool(0.15));
        Self { door, rng, hasty, again, sent: 0 }
    }

    /// Sends until there is an answer without user errors.
    pub(super) async fn ask(&mut self, document: &str, field: &str, input: &Value) -> Result<Answered> {
        loop {
            let client = self.door.open(self.rng.random_range(0..8)).await?;
            let patience = if self.hasty && self.sent < 2 {
                Duration::from_millis(self.rng.random_range(0..40))
            } else {
                PATIENCE
            };
            self.sent += 1;
            let answer = client.execute(document, json!({ "input": input }));
            if let Ok(Ok(answer)) = tokio::time::timeout(patience, answer).await
                && let Some(payload) = payload(field, &answer)?
            {
                return Ok(Answered { payload, by: client.base().to_owned() });
            }
            // No server is hammered while it goes down; the wait belongs to a client as it should be.
            pace::let_run(Duration::from_millis(self.rng.random_range(10..200))).await;
        }
    }
}

/// Sends a query until the service can answer it: a database that comes back is not there for each connection at once.
pub(super) async fn read(client: &Client, document: &str, variables: Value) -> Result<Value> {
    wait::until_async("an answer to a query", async || {
        let mut answer = client.execute(document, variables.clone()).await?;
        if is_passing(&answer.body["errors"]) {
            return Ok(None);
        }
        let is_good = answer.status.is_success() && answer.body.get("errors").is_none();
        ensure!(is_good, "status {}: {:#}", answer.status, answer.body);
        Ok(Some(answer.body["data"].take()))
    })
    .await
}

/// The payload of a success; none when the server could not decide.
fn payload(field: &str, answer: &Answer) -> Result<Option<Value>> {
    let payload = &answer.body["data"][field];
    if payload.is_object() {
        let errors = &payload["userErrors"];
        ensure!(errors.as_array().is_some_and(Vec::is_empty), "`{field}` was refused: {errors}");
        return Ok(Some(payload.clone()));
    }
    if is_passing(&answer.body["errors"]) {
        return Ok(None);
    }
    bail!("`{field}` failed with status {}: {}", answer.status, answer.body)
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
