//! Submitting until there is an answer.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{
    door::{Answered, Caller},
    plan::RunPlan,
};

const START: &str = "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) { \
                     created workflow { id runId workflowId type } userErrors { code message } } }";

/// A submission that was answered.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) workflow_id: String,
    pub(super) run_id: String,
    /// Global id.
    pub(super) id: String,
    pub(super) plan: RunPlan,
    /// How often it was sent beyond the first time.
    pub(super) repeats: usize,
}

/// Submits a workflow; whatever may have been lost is sent again with the same ids.
pub(super) async fn submit(mut caller: Caller, workflow_id: String, plan: RunPlan) -> Result<Accepted> {
    let mut input = json!({
        "type": plan.work.workflow_type(),
        "workflowId": workflow_id,
        "idempotencyKey": format!("key of {workflow_id}"),
        "input": plan.work.input(),
        "priority": plan.priority,
    });
    if let Some(delay) = plan.delay {
        input["delay"] = format!("PT{:.3}S", delay.as_secs_f64()).into();
    }
    let (mut answered, mut created) = (0, 0);
    let mut runs = BTreeSet::new();
    loop {
        let Answered { payload, .. } = caller.ask(START, "startWorkflow", &input).await?;
        answered += 1;
        created += usize::from(payload["created"] == true);
        let workflow = &payload["workflow"];
        let text = |field: &str| workflow[field].as_str().map(str::to_owned).context("a field is missing");
        runs.insert((text("id")?, text("runId")?));
        ensure!(runs.len() == 1, "`{workflow_id}` was started as several runs: {runs:?}");
        ensure!(created <= 1, "`{workflow_id}` was created more than once");
        let lost = caller.sent - answered;
        ensure!(created == 1 || lost > 0, "`{workflow_id}` was there before it was submitted");
        ensure!(text("workflowId")? == workflow_id, "`{workflow_id}` was answered with {workflow}");
        if answered > caller.again {
            let (id, run_id) = runs.pop_first().context("it was answered")?;
            return Ok(Accepted { workflow_id, run_id, id, plan, repeats: caller.sent - 1 });
        }
    }
}
