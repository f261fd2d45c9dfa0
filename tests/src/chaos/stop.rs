//! Canceling and terminating until there is an answer, and what the answer promises.
//!
//! | answer | the run must end |
//! | --- | --- |
//! | changed, or asked to stop by an earlier request whose answer was lost | as stopped in this way |
//! | not changed, and it had ended | as it was told |

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    door::{Answered, Caller},
    plan::Stop,
    submit::Accepted,
};

/// For the history.
pub(super) const REASON: &str = "chaos";

const CANCEL: &str = "mutation ($input: StopWorkflowInput!) { cancelWorkflow(input: $input) { \
                      changed workflow { id status historyLength } userErrors { code message } } }";
const TERMINATE: &str = "mutation ($input: StopWorkflowInput!) { terminateWorkflow(input: $input) { \
                         changed workflow { id status historyLength } userErrors { code message } } }";

/// A request to stop that was answered.
#[derive(Debug, Clone)]
pub(super) struct Stopped {
    pub(super) how: Stop,
    /// What the run must have ended as.
    pub(super) status: String,
    /// How long its history must be, when the answer came after the end.
    pub(super) history_length: Option<u64>,
    /// How often it was sent beyond the first time.
    pub(super) repeats: usize,
    /// Address of the process that answered last.
    pub(super) by: String,
}

impl Stopped {
    /// Whether it was this request that ended the run.
    pub(super) fn has_effect(&self) -> bool {
        self.status == self.how.status()
    }
}

/// Stops a run; whatever may have been lost is sent again.
pub(super) async fn stop(mut caller: Caller, accepted: &Accepted, how: Stop) -> Result<Stopped> {
    let (document, field) = match how {
        Stop::Cancel => (CANCEL, "cancelWorkflow"),
        Stop::Terminate => (TERMINATE, "terminateWorkflow"),
    };
    let input = json!({ "workflow": { "id": accepted.id }, "reason": REASON });
    let mut said: Option<Said> = None;
    let (mut answered, mut changed) = (0, 0);
    loop {
        let Answered { payload, by } = caller.ask(document, field, &input).await?;
        answered += 1;
        changed += usize::from(payload["changed"] == true);
        ensure!(changed <= 1, "the run was stopped more than once");
        let now = Said::read(&payload, accepted, how)?;
        if now.status == how.status() || now.is_open() {
            let lost = caller.sent - answered;
            ensure!(changed == 1 || lost > 0, "it was stopped before anyone asked: {payload}");
        } else {
            ensure!(payload["changed"] == false, "it had ended, and was stopped all the same: {payload}");
        }
        if let Some(before) = said.filter(|said| !said.is_open()) {
            ensure!(before == now, "it ended as {before:?}, and then as {now:?}");
        }
        if answered > caller.again {
            let history_length = (!now.is_open()).then_some(now.history_length);
            let status = if now.is_open() { how.status().to_owned() } else { now.status };
            return Ok(Stopped { how, status, history_length, repeats: caller.sent - 1, by });
        }
        said = Some(now);
    }
}

/// The run as an answer shows it.
#[derive(Debug, PartialEq)]
struct Said {
    status: String,
    history_length: u64,
}

impl Said {
    fn read(payload: &Value, accepted: &Accepted, how: Stop) -> Result<Self> {
        let workflow = &payload["workflow"];
        ensure!(workflow["id"] == accepted.id.as_str(), "another run was stopped: {payload}");
        let status = workflow["status"].as_str().context("it has a state")?.to_owned();
        let history_length = workflow["historyLength"].as_u64().context("it has a length")?;
        let said = Self { status, history_length };
        let is_possible = match said.status.as_str() {
            "CANCELING" | "CANCELED" => how == Stop::Cancel,
            "TERMINATED" => how == Stop::Terminate,
            "COMPLETED" | "FAILED" => true,
            _ => false,
        };
        ensure!(is_possible, "nobody stopped it in this way: {payload}");
        Ok(said)
    }

    /// Whether it was asked to stop, and has not yet.
    fn is_open(&self) -> bool {
        self.status == "CANCELING"
    }
}
