use std::process::ExitCode;

use ctutor_engine::{client::WorkflowStatus, payload::Payload};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::waiting::question;
use crate::{
    args::ClientArgs,
    client::{Client, Workflow},
    config::Loaded,
    output::{self, Table, date_and_time},
    values::{self, Words},
};

/// The states as people write them.
const STATUSES: [(&str, WorkflowStatus); 9] = [
    ("pending", WorkflowStatus::Pending),
    ("running", WorkflowStatus::Running),
    ("canceling", WorkflowStatus::Canceling),
    ("completed", WorkflowStatus::Completed),
    ("failed", WorkflowStatus::Failed),
    ("canceled", WorkflowStatus::Canceled),
    ("terminated", WorkflowStatus::Terminated),
    ("timed_out", WorkflowStatus::TimedOut),
    ("continued_as_new", WorkflowStatus::ContinuedAsNew),
];

/// The largest page that is asked for.
const PAGE_ITEMS_MAX: u32 = 100;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only in these states, separated by commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = Words(&STATUSES))]
    status: Vec<WorkflowStatus>,

    /// Only of these types, separated by commas
    #[arg(long = "type", value_name = "NAME", value_delimiter = ',')]
    types: Vec<String>,

    /// Only on this task queue
    #[arg(long, visible_alias = "task-queue", value_name = "NAME")]
    queue: Option<String>,

    /// Only workflow IDs that start with this prefix
    #[arg(long, value_name = "TEXT")]
    id_prefix: Option<String>,

    /// Maximum number of workflow executions to print
    #[arg(long, value_name = "NUMBER", default_value_t = 20, allow_negative_numbers = true,
          value_parser = values::integer::<1, 10_000, u32>)]
    limit: u32,

    /// Continue after the item with this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    nodes: Vec<Payload>,
    page_info: Value,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let (nodes, next) = self.collect(&client).await?;
        if self.json {
            let page_info = json!({"hasNextPage": next.is_some(), "endCursor": next});
            output::json(&Printed { nodes, page_info })?;
            return Ok(ExitCode::SUCCESS);
        }
        let workflows: Vec<Workflow> = client.decode_all(&nodes)?;
        if workflows.is_empty() {
            output::note(self.none_found(&client).await);
        } else {
            output::table(&table(&workflows))?;
        }
        if let Some(cursor) = next {
            output::note(format_args!("there are more; continue with `--after {cursor}`"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The runs, and the cursor of the last one if more follow.
    async fn collect(&self, client: &Client) -> anyhow::Result<(Vec<Payload>, Option<String>)> {
        let filter = self.filter();
        let mut nodes = Vec::new();
        let mut after = self.after.clone();
        loop {
            let missing = self.limit.saturating_sub(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
            if missing == 0 {
                return Ok((nodes, after));
            }
            let page = client.workflows(&filter, missing.min(PAGE_ITEMS_MAX), after.as_deref()).await?;
            nodes.extend(page.nodes);
            if !page.page_info.has_next_page {
                return Ok((nodes, None));
            }
            after = page.page_info.end_cursor;
        }
    }

    /// What to say when there is nothing: a name that does not exist looks like one without runs.
    async fn none_found(&self, client: &Client) -> String {
        if self.filter().as_object().is_none_or(Map::is_empty) && self.after.is_none() {
            return "there are no workflow executions; start one with `ctutor workflow start TYPE`, and see the types with \
                    `ctutor types`"
                .to_owned();
        }
        let mut note = "no workflow executions found".to_owned();
        if let Some(queue) = &self.queue {
            let meant = client.task_queue_meant(queue).await;
            note += &format!(" on the task queue `{queue}`{}", question(meant.as_deref()));
        } else if let [name] = self.types.as_slice() {
            let meant = client.workflow_type_meant(name).await;
            note += &format!(" of the type `{name}`{}", question(meant.as_deref()));
        } else {
            note += "; the same command without filters and cursor lists all";
        }
        note
    }

    fn filter(&self) -> Value {
        let mut fields = Map::new();
        if !self.status.is_empty() {
            let statuses: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
            fields.insert("statuses".to_owned(), json!(statuses));
        }
        if !self.types.is_empty() {
            fields.insert("types".to_owned(), json!(self.types));
        }
        if let Some(queue) = &self.queue {
            fields.insert("taskQueue".to_owned(), json!(queue));
        }
        if let Some(prefix) = &self.id_prefix {
            fields.insert("workflowIdPrefix".to_owned(), json!(prefix));
        }
        fields.into()
    }
}

fn table(workflows: &[Workflow]) -> Table {
    let mut table =
        Table::new(["WORKFLOW ID", "STATUS", "TYPE", "TASK QUEUE", "PRIORITY", "CREATED", "CLOSED"]);
    let time = |instant: &Option<String>| instant.as_deref().map_or_else(|| "-".to_owned(), date_and_time);
    for workflow in workflows {
        table.row([
            workflow.workflow_id.clone(),
            workflow.status.to_string(),
            workflow.workflow_type.clone(),
            workflow.task_queue.clone(),
            workflow.priority.to_string(),
            time(&workflow.created_at),
            time(&workflow.closed_at),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_listed_with_their_times() {
        let workflows: Vec<Workflow> = serde_json::from_value(json!([
            {"id": "wfr_1", "workflowId": "order-1", "type": "order", "status": "COMPLETED", "taskQueue": "a",
             "priority": 0, "createdAt": "2026-11-22T13:54:14.012Z", "closedAt": "2026-11-22T13:54:15.000Z"},
            {"id": "wfr_2", "workflowId": "order-22", "type": "order", "status": "RUNNING", "taskQueue": "a",
             "priority": -5, "createdAt": "2026-11-22T13:54:13.000Z", "closedAt": null},
        ]))
        .unwrap();
        let expected = "\
WORKFLOW ID  STATUS     TYPE   TASK QUEUE  PRIORITY  CREATED              CLOSED
order-1      COMPLETED  order  a           0         2026-11-22 13:54:14  2026-11-22 13:54:15
order-22     RUNNING    order  a           -5        2026-11-22 13:54:13  -";
        assert_eq!(table(&workflows).to_string(), expected);
    }

    #[test]
    fn every_state_can_be_asked_for_by_its_name() {
        assert_eq!(STATUSES.map(|(_, status)| status), WorkflowStatus::ALL);
        for (name, status) in STATUSES {
            assert_eq!(name.to_ascii_uppercase(), status.as_str());
        }
    }
}
