//! What must be true of every run when all has ended, as far as the public API shows it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    door,
    history::History,
    losses::Losses,
    plan::RunPlan,
    stop::Stopped,
    submit::Accepted,
    watcher::Seen,
    work::{Outcome, Work},
};
use crate::{client::Client, wait};

const WORKFLOW: &str = "query ($workflowId: String!, $after: String) { workflow(workflowId: $workflowId) { \
    id runId type status result failure { type message details cause { type } } historyLength \
    createdAt startAt startedAt blockedTask { attempt } pendingActivities { id } \
    history(first: 100, after: $after) { totalCount nodes { sequence type at attributes } \
    pageInfo { hasNextPage endCursor } } } }";

const COUNT: &str = "query ($filter: WorkflowFilter) { workflows(first: 1, filter: $filter) { totalCount } }";

const WORKERS: &str = "query { workers(first: 100) { totalCount nodes { identity slotsUsed } } \
                       taskQueues(first: 100) { nodes { name backlog running } } }";

/// A run from its submission to its end, as its clients saw it.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) accepted: Accepted,
    pub(super) stopped: Option<Stopped>,
    pub(super) seen: Seen,
    /// By one who came after the end.
    pub(super) late: Option<Seen>,
}

impl Course {
    pub(super) fn watchers(&self) -> impl Iterator<Item = &Seen> {
        std::iter::once(&self.seen).chain(&self.late)
    }

    /// The stop that ended it, if one did.
    fn end_from_outside(&self) -> Option<&Stopped> {
        self.stopped.as_ref().filter(|stopped| stopped.has_effect())
    }
}

/// How a run ended, and what it took.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    pub(super) status: String,
    pub(super) events: usize,
    pub(super) timers: usize,
    pub(super) further_attempts: usize,
}

/// Checks a run, its history and what its watchers saw of it.
pub(super) async fn run(client: &Client, course: &Course, losses: &Losses) -> Result<Ended> {
    let accepted = &course.accepted;
    let (workflow, events) = read(client, &accepted.workflow_id).await?;
    ensure!(workflow["id"] == accepted.id.as_str(), "its id is {}, not {}", workflow["id"], accepted.id);
    ensure!(workflow["runId"] == accepted.run_id.as_str(), "it is another run: {}", workflow["runId"]);
    ensure!(workflow["blockedTask"].is_null(), "its task is blocked: {}", workflow["blockedTask"]);
    ensure!(workflow["pendingActivities"] == json!([]), "activities are pending: {workflow}");
    let status = workflow["status"].as_str().context("it has a state")?.to_owned();
    if let Some(stopped) = &course.stopped {
        check_stop(stopped, &status, events.len()).with_context(|| format!("{stopped:?}, {workflow}"))?;
    }
    match course.end_from_outside() {
        None => check_outcome(&accepted.plan.work, &workflow)?,
        Some(_) => ensure!(workflow["result"].is_null(), "it was stopped, and has a result: {workflow}"),
    }
    let history = History::new(&events)?;
    let further_attempts = history.check(&accepted.plan.work, losses)?;
    ensure!(history.closing() == format!("WORKFLOW_EXECUTION_{status}"), "its end is another");
    ensure!(workflow["historyLength"] == events.len(), "its length is {}", workflow["historyLength"]);
    check_delay(&accepted.plan, &workflow, &history)?;
    for seen in course.watchers() {
        history.check_seen(seen)?;
        ensure!(status == seen.status, "a watcher saw it end as {}", seen.status);
    }
    Ok(Ended { status, events: events.len(), timers: history.timers_fired(), further_attempts })
}

/// Checks that the answer to a stop was kept.
fn check_stop(stopped: &Stopped, status: &str, events: usize) -> Result<()> {
    ensure!(stopped.status == status, "the stop was answered, but the run ended as {status}");
    if let Some(length) = stopped.history_length {
        ensure!(usize::try_from(length)? == events, "the run went on after its end, to {events} events");
    }
    Ok(())
}

fn check_delay(plan: &RunPlan, workflow: &Value, history: &History<'_>) -> Result<()> {
    let at = |field: &str| {
        let text = workflow[field].as_str();
        text.map(|text| Ok::<_, anyhow::Error>(DateTime::parse_from_rfc3339(text)?.timestamp_millis()))
            .transpose()
    };
    let Some(delay) = plan.delay else {
        ensure!(workflow["startAt"].is_null(), "nobody delayed it: {workflow}");
        return Ok(());
    };
    let created_at = at("createdAt")?.context("it has a time")?;
    let start_at = at("startAt")?.context("its delay was lost")?;
    ensure!(
        i128::from(start_at - created_at) == delay.as_millis().cast_signed(),
        "its delay is another: {workflow}"
    );
    let is_early = at("startedAt")?.is_some_and(|started_at| started_at < start_at);
    ensure!(!is_early, "it began too early: {workflow}");
    history.check_delay(start_at)
}

/// The run with its whole history.
async fn read(client: &Client, workflow_id: &str) -> Result<(Value, Vec<Value>)> {
    let mut events = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "workflowId": workflow_id, "after": after });
        let mut workflow = door::read(client, WORKFLOW, variables).await?["workflow"].take();
        ensure!(workflow.is_object(), "there is no such run");
        let Value::Array(page) = workflow["history"]["nodes"].take() else { bail!("no history") };
        events.extend(page);
        let info = &workflow["history"]["pageInfo"];
        if info["hasNextPage"] == true {
            after = info["endCursor"].clone();
            continue;
        }
        ensure!(workflow["history"]["totalCount"] == events.len(), "the history has another length");
        return Ok((workflow, events));
    }
}

fn check_outcome(work: &Work, workflow: &Value) -> Result<()> {
    match work.outcome() {
        Outcome::Completed(expected) => {
            ensure!(workflow["status"] == "COMPLETED", "it ended as {workflow}");
            let result = &workflow["result"];
            ensure!(result["status"] == "completed" && result["error"].is_null(), "its result is {result}");
            let fields = expected.as_object().context("results are objects")?;
            for (field, value) in fields {
                ensure!(&result["result"][field] == value, "`{field}` is not {value} in {result}");
            }
            if let Work::LongRunning { seconds, .. } = work {
                let took = result["result"]["duration_actual"].as_f64().context("it took some time")?;
                ensure!(took >= f64::from(*seconds) - 0.1, "it took {took} s instead of {seconds} s");
            }
        }
        Outcome::Failed { failure_type, message, details } => {
            ensure!(workflow["status"] == "FAILED", "it ended as {workflow}");
            let failure = &workflow["failure"];
            let told = json!([failure["type"], failure["message"], failure["details"]]);
            ensure!(told == json!([failure_type, message, details]), "it failed with {failure}");
        }
    }
    Ok(())
}

/// Checks that the lists count as many runs as there are, by their state.
pub(super) async fn counts(client: &Client, prefix: &str, by_status: &BTreeMap<&str, usize>) -> Result<()> {
    let all: usize = by_status.values().sum();
    let found = count(client, json!({ "workflowIdPrefix": prefix })).await?;
    ensure!(found == all, "the list has {found} runs instead of {all}");
    for (status, expected) in by_status {
        let found = count(client, json!({ "workflowIdPrefix": prefix, "statuses": [status] })).await?;
        ensure!(found == *expected, "the list has {found} runs in state {status} instead of {expected}");
    }
    Ok(())
}

async fn count(client: &Client, filter: Value) -> Result<usize> {
    let data = door::read(client, COUNT, json!({ "filter": filter })).await?;
    let count = data["workflows"]["totalCount"].as_u64().context("a list has a count")?;
    Ok(usize::try_from(count)?)
}

/// Waits until only these workers are left in the list, with nothing to do.
pub(super) async fn idle(client: &Client, workers: &[String]) -> Result<()> {
    let expected: BTreeSet<&str> = workers.iter().map(String::as_str).collect();
    wait::until_async(format!("{expected:?} to be alone and idle"), async || {
        let data = door::read(client, WORKERS, json!({})).await?;
        let nodes = data["workers"]["nodes"].as_array().context("workers are listed")?;
        let alone = nodes.iter().map(|node| node["identity"].as_str().unwrap_or_default()).collect();
        let idle = nodes.iter().all(|node| node["slotsUsed"] == 0);
        let queues = data["taskQueues"]["nodes"].as_array().context("queues are listed")?;
        let empty = queues.iter().all(|queue| queue["backlog"] == 0 && queue["running"] == 0);
        Ok((expected == alone && idle && empty).then_some(()))
    })
    .await
}
