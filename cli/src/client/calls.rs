//! The operations of the API that commands use. Answers that a command prints as JSON are kept as they came.

use ctutor_engine::{near, payload::Payload};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    Client, Connection, Error, Target, TaskQueue, UserError, WorkflowType, model::Count, target::Reading,
};

/// Most pages that one command reads.
const PAGES_MAX: usize = 1_000;

const START: &str = include_str!("documents/start_workflow.graphql");
const CANCEL: &str = include_str!("documents/cancel_workflow.graphql");
const TERMINATE: &str = include_str!("documents/terminate_workflow.graphql");
const DELETE: &str = include_str!("documents/delete_workflow.graphql");
const BY_WORKFLOW_ID: &str = include_str!("documents/workflow_by_id.graphql");
const BY_RUN: &str = include_str!("documents/workflow_by_run.graphql");
const WORKFLOWS: &str = include_str!("documents/workflows.graphql");
const HISTORY: &str = include_str!("documents/history.graphql");
const WORKERS: &str = include_str!("documents/workers.graphql");
const WORKERS_OF_QUEUE: &str = include_str!("documents/workers_of_queue.graphql");
const TASK_QUEUES: &str = include_str!("documents/task_queues.graphql");
const WORKFLOW_TYPES: &str = include_str!("documents/workflow_types.graphql");

/// How to stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancel,
    Terminate,
}

/// The `StartWorkflowInput`.
#[derive(Debug, Serialize)]
pub(crate) struct StartInput {
    /// All fields but one.
    #[serde(flatten)]
    pub(crate) fields: Map<String, Value>,
    /// The input of the workflow, sent as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Payload>,
}

#[derive(Debug, Serialize)]
struct Variables<T> {
    input: T,
}

impl Client {
    /// Starts a run and gives the payload.
    pub(crate) async fn start_workflow(&self, input: &StartInput) -> anyhow::Result<Payload> {
        self.mutate(START, "startWorkflow", Variables { input }).await
    }

    /// Asks a run to stop, or stops it, and gives the payload.
    pub(crate) async fn stop_workflow(
        &self,
        stop: Stop,
        target: &Target,
        reason: Option<&str>,
    ) -> anyhow::Result<Payload> {
        let (document, field) = match stop {
            Stop::Cancel => (CANCEL, "cancelWorkflow"),
            Stop::Terminate => (TERMINATE, "terminateWorkflow"),
        };
        self.mutate_target(
            document,
            field,
            target,
            |workflow| json!({"workflow": workflow, "reason": reason}),
        )
        .await
    }

    /// Deletes a closed run and gives the payload.
    pub(crate) async fn delete_workflow(&self, target: &Target) -> anyhow::Result<Payload> {
        self.mutate_target(DELETE, "deleteWorkflow", target, |workflow| json!({"workflow": workflow})).await
    }

    /// The run that people name so.
    pub(crate) async fn find_workflow(&self, target: &Target) -> anyhow::Result<Payload> {
        for reading in target.readings() {
            let found: Option<Payload> = match reading {
                Reading::Run(id) => self.field(BY_RUN, json!({"id": id}), "node").await?,
                Reading::Workflow(workflow_id) => {
                    self.field(BY_WORKFLOW_ID, json!({"workflowId": workflow_id}), "workflow").await?
                }
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Err(Error::NotFound(target.to_string()).into())
    }

    /// One page of runs.
    pub(crate) async fn workflows(
        &self,
        filter: &Value,
        first: u32,
        after: Option<&str>,
    ) -> anyhow::Result<Connection<Payload>> {
        let variables = |first| json!({"filter": filter, "first": first, "after": after});
        self.page(WORKFLOWS, "workflows", first, variables).await
    }

    /// One page of the history of a run, by its global id.
    pub(crate) async fn history(
        &self,
        id: &str,
        first: u32,
        after: Option<&str>,
    ) -> anyhow::Result<Connection<Payload>> {
        #[derive(Deserialize)]
        struct Node {
            history: Connection<Payload>,
        }
        let variables = |first| json!({"id": id, "first": first, "after": after});
        let node: Option<Node> = self.page(HISTORY, "node", first, variables).await?;
        Ok(node.ok_or_else(|| Error::NotFound(id.to_owned()))?.history)
    }

    /// All live workers.
    pub(crate) async fn workers(&self) -> anyhow::Result<Vec<Payload>> {
        self.all(WORKERS, "workers").await
    }

    /// Whether a live worker serves the task queue.
    pub(crate) async fn is_served(&self, task_queue: &str) -> anyhow::Result<bool> {
        let workers: Count =
            self.field(WORKERS_OF_QUEUE, json!({"taskQueue": task_queue}), "workers").await?;
        Ok(workers.total_count > 0)
    }

    /// All task queues.
    pub(crate) async fn task_queues(&self) -> anyhow::Result<Vec<Payload>> {
        self.all(TASK_QUEUES, "taskQueues").await
    }

    /// A task queue that workers serve and whose name is almost this one, of a queue that does not exist or that nobody
    /// serves. A command must not fail because this cannot be asked.
    pub(crate) async fn task_queue_meant(&self, name: &str) -> Option<String> {
        let queues: Vec<TaskQueue> = self.decode_all(&self.task_queues().await.ok()?).ok()?;
        let served = queues.iter().filter(|queue| queue.workers.total_count > 0);
        meant(name, served.map(|queue| queue.name.as_str()))
    }

    /// A registered workflow type whose name is almost this one, of a type that is not registered.
    pub(crate) async fn workflow_type_meant(&self, name: &str) -> Option<String> {
        let types: Vec<WorkflowType> = self.decode_all(&self.workflow_types().await.ok()?).ok()?;
        meant(name, types.iter().map(|known| known.name.as_str()))
    }

    /// All registered workflow types.
    pub(crate) async fn workflow_types(&self) -> anyhow::Result<Vec<Payload>> {
        self.all(WORKFLOW_TYPES, "workflowTypes").await
    }

    /// Asks for a page of this many items, and if the server is configured for smaller ones, for the largest it gives.
    async fn page<T: DeserializeOwned>(
        &self,
        document: &str,
        field: &str,
        items: u32,
        variables: impl Fn(u32) -> Value,
    ) -> anyhow::Result<T> {
        let items = self.page_items_max.get().map_or(items, |max| items.min(*max));
        match self.field(document, variables(items), field).await {
            Err(error) => match error.downcast_ref().and_then(Error::page_items_max) {
                Some(max) if max < items => {
                    // Kept, so that not each page is asked for twice.
                    self.page_items_max.get_or_init(|| max);
                    self.field(document, variables(max), field).await
                }
                _ => Err(error),
            },
            found => found,
        }
    }

    async fn all(&self, document: &str, field: &str) -> anyhow::Result<Vec<Payload>> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page: Connection<Payload> = self.field(document, json!({"after": after}), field).await?;
            items.extend(page.nodes);
            if !page.page_info.has_next_page {
                break;
            }
            after = page.page_info.end_cursor;
        }
        Ok(items)
    }

    /// Tries the ways to read a target until one names something.
    async fn mutate_target(
        &self,
        document: &str,
        field: &str,
        target: &Target,
        input: impl Fn(Value) -> Value,
    ) -> anyhow::Result<Payload> {
        for reading in target.readings() {
            let input = input(reading.to_reference());
            match self.mutate(document, field, Variables { input }).await {
                Err(error) if error.downcast_ref().is_some_and(Error::is_not_found) => {}
                other => return other,
            }
        }
        Err(Error::NotFound(target.to_string()).into())
    }

    async fn mutate(
        &self,
        document: &str,
        field: &str,
        variables: impl Serialize,
    ) -> anyhow::Result<Payload> {
        #[derive(Deserialize)]
        struct Refusal {
            #[serde(rename = "userErrors")]
            errors: Option<Vec<UserError>>,
        }
        let payload: Payload = self.field(document, variables, field).await?;
        match self.decode::<Option<Refusal>>(&payload)?.and_then(|refusal| refusal.errors) {
            Some(errors) if !errors.is_empty() => Err(Error::Refused(errors).into()),
            _ => Ok(payload),
        }
    }
}

/// The name that is almost this one, unless this one is known itself.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    near::nearest(name, known).filter(|nearest| *nearest != name).map(ToOwned::to_owned)
}
