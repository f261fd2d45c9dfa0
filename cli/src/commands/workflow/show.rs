use std::process::ExitCode;

use ctutor_engine::payload::Payload;
use serde::Serialize;

use super::waiting;
use crate::{
    args::{ClientArgs, TargetArgs},
    client::{Activity, Client, HistoryEvent, Object, Workflow},
    config::Loaded,
    follow::{event_line, progress_line},
    output::{self, Block},
};

/// Events per request.
const PAGE_ITEMS: u32 = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Also print the history
    #[arg(long)]
    history: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Serialize)]
struct Printed {
    #[serde(flatten)]
    found: Object,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Payload>>,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let found = client.find_workflow(&self.target.target()).await?;
        let workflow: Workflow = client.decode(&found)?;
        let history = if self.history { history(&client, &workflow.id).await? } else { Vec::new() };
        if self.json {
            let history = self.history.then_some(history);
            output::json(&Printed { found: client.decode(&found)?, history })?;
            return Ok(ExitCode::SUCCESS);
        }
        let waiting = waiting::reason(&client, &workflow).await;
        output::data(block(&workflow, waiting))?;
        if self.history {
            let events: Vec<HistoryEvent> = client.decode_all(&history)?;
            let lines: Vec<String> = events.iter().map(event_line).collect();
            output::data(format_args!("\n{}", lines.join("\n")))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn history(client: &Client, id: &str) -> anyhow::Result<Vec<Payload>> {
    let mut events = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = client.history(id, PAGE_ITEMS, after.as_deref()).await?;
        let is_empty = page.nodes.is_empty();
        events.extend(page.nodes);
        if !page.page_info.has_next_page || is_empty {
            return Ok(events);
        }
        after = page.page_info.end_cursor;
    }
}

fn block(workflow: &Workflow, waiting: Option<String>) -> Block {
    let pretty = |payload: &Payload| output::pretty_json(payload.as_str());
    let mut block = Block::default()
        .line("workflow", &workflow.workflow_id)
        .line("run", &workflow.id)
        .line("type", &workflow.workflow_type)
        .line("status", &workflow.status)
        .maybe("waiting", waiting)
        .line("task queue", &workflow.task_queue)
        .line("priority", workflow.priority)
        .maybe("owner", workflow.owner.as_ref())
        .maybe("created", workflow.created_at.as_ref())
        .maybe("not before", workflow.start_at.as_ref())
        .maybe("started", workflow.started_at.as_ref())
        .maybe("closed", workflow.closed_at.as_ref())
        .maybe("timeout", workflow.timeout.as_ref())
        .maybe("worker", workflow.worker_identity.as_ref())
        .maybe("events", workflow.history_length)
        .maybe("memo", filled(&workflow.memo).map(pretty))
        .maybe("attributes", filled(&workflow.search_attributes).map(pretty))
        .maybe("input", workflow.input.as_ref().map(pretty));
    for activity in &workflow.pending_activities {
        block = block.line("activity", activity_text(activity));
    }
    if let Some(task) = &workflow.blocked_task {
        let text =
            format!("{} failed tries, next at {}: {}", task.attempt, task.next_attempt_at, task.failure);
        block = block.line("blocked", text);
    }
    let is_completed = workflow.status.is_completed();
    let result = workflow.result.as_ref().filter(|_| is_completed).map(pretty);
    block.maybe("result", result).maybe("failure", workflow.failure.as_ref())
}

/// An object that has fields.
fn filled(object: &Option<Payload>) -> Option<&Payload> {
    object.as_ref().filter(|object| !matches!(object.as_str(), "{}" | "null"))
}

fn activity_text(activity: &Activity) -> String {
    let mut text = progress_line(activity);
    text += &format!("\n{}", activity.status.as_deref().unwrap_or("UNKNOWN"));
    if let Some(max) = activity.max_attempts {
        text += &format!(", at most {max} attempts");
    }
    if let Some(at) = &activity.next_attempt_at {
        text += &format!(", next attempt at {at}");
    }
    if let Some(failure) = &activity.last_failure {
        text += &format!("\nlast failure: {failure}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_shown_with_what_it_waits_for() {
        let workflow: Workflow = serde_json::from_value(json!({
            "id": "wfr_1", "workflowId": "order-1", "type": "order", "status": "RUNNING", "taskQueue": "a",
            "priority": 0, "input": {}, "result": null, "historyLength": 5, "timeout": "PT10M", "memo": {"a": 1},
            "searchAttributes": {},
            "pendingActivities": [{
                "type": "pay", "status": "BACKING_OFF", "attempt": 2, "maxAttempts": 3,
                "nextAttemptAt": "2026-11-22T13:54:14.012Z", "lastFailure": {"message": "no", "type": "Io"},
                "heartbeat": null,
            }],
            "blockedTask": null,
        }))
        .unwrap();
        let expected = "\
workflow    order-1
run         wfr_1
type        order
status      RUNNING
task queue  a
priority    0
timeout     PT10M
events      5
memo        {
              \"a\": 1
            }
input       {}
activity    pay (attempt 2)
            BACKING_OFF, at most 3 attempts, next attempt at 2026-11-22T13:54:14.012Z
            last failure: no (Io)";
        assert_eq!(block(&workflow, None).to_string(), expected);
    }
}
