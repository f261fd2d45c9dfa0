//! What must be true of every run when all has ended, as far as the public API shows it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    losses::Losses,
    plan::{Outcome, Work},
    submit::Accepted,
    watcher::Seen,
};
use crate::{client::Client, wait};

const WORKFLOW: &str = "query ($workflowId: String!, $after: String) { workflow(workflowId: $workflowId) { \
    id runId type status result failure { type message details cause { type } } historyLength closedAt \
    blockedTask { attempt } pendingActivities { id } \
    history(first: 100, after: $after) { totalCount nodes { sequence type at attributes } \
    pageInfo { hasNextPage endCursor } } } }";

const COUNT: &str = "query ($filter: WorkflowFilter) { workflows(first: 1, filter: $filter) { totalCount } }";

const WORKERS: &str = "query { workers(first: 100) { totalCount nodes { identity slotsUsed } } \
                       taskQueues(first: 100) { nodes { name backlog running } } }";

/// How a run ended, and what it took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    pub(super) completed: bool,
    pub(super) events: usize,
    pub(super) further_attempts: usize,
}

/// Checks a run, its history and what its watcher saw of it.
pub(super) async fn run(client: &Client, accepted: &Accepted, seen: &Seen, losses: &Losses) -> Result<Ended> {
    let (workflow, events) = read(client, &accepted.workflow_id).await?;
    ensure!(workflow["id"] == accepted.id.as_str(), "its id is {}, not {}", workflow["id"], accepted.id);
    ensure!(workflow["runId"] == accepted.run_id.as_str(), "it is another run: {}", workflow["runId"]);
    ensure!(workflow["blockedTask"].is_null(), "its task is blocked: {}", workflow["blockedTask"]);
    ensure!(workflow["pendingActivities"] == json!([]), "activities are pending: {workflow}");
    let history = History::new(&events)?;
    let further_attempts = history.check(losses)?;
    history.check_seen(seen)?;
    ensure!(workflow["status"] == seen.status.as_str(), "the watcher saw it end as {}", seen.status);
    ensure!(workflow["historyLength"] == events.len(), "its length is {}", workflow["historyLength"]);
    let completed = workflow["status"] == "COMPLETED";
    ensure!(history.closing() == format!("WORKFLOW_EXECUTION_{}", seen.status), "its end is another");
    check_outcome(&accepted.work, &workflow)?;
    history.check_size(&accepted.work)?;
    Ok(Ended { completed, events: events.len(), further_attempts })
}

/// The run with its whole history.
async fn read(client: &Client, workflow_id: &str) -> Result<(Value, Vec<Value>)> {
    let mut events = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "workflowId": workflow_id, "after": after });
        let mut workflow = client.data(WORKFLOW, variables).await?["workflow"].take();
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

/// An activity or a timer as its history tells it.
#[derive(Debug, Default)]
struct Course {
    begun_at_ms: i64,
    started: Option<(u64, i64)>,
    ended: bool,
}

struct History<'a> {
    events: &'a [Value],
    types: Vec<&'a str>,
    activities: BTreeMap<u64, Course>,
    timers: BTreeMap<u64, Course>,
}

impl<'a> History<'a> {
    fn new(events: &'a [Value]) -> Result<Self> {
        let mut history =
            Self { events, types: Vec::new(), activities: BTreeMap::new(), timers: BTreeMap::new() };
        for (index, event) in events.iter().enumerate() {
            ensure!(event["sequence"] == index + 1, "event {} is {event}", index + 1);
            history.take(index as u64 + 1, event).with_context(|| format!("in {event}"))?;
        }
        Ok(history)
    }

    fn take(&mut self, sequence: u64, event: &'a Value) -> Result<()> {
        let attributes = &event["attributes"];
        let of = |field: &str| attributes[field].as_u64().context("it names another event");
        let at = event["at"].as_str().context("it has a time")?;
        let begun =
            Course { begun_at_ms: DateTime::parse_from_rfc3339(at)?.timestamp_millis(), ..Course::default() };
        let event_type = event["type"].as_str().context("it has a type")?;
        self.types.push(event_type);
        match event_type {
            "ACTIVITY_TASK_SCHEDULED" => {
                self.activities.insert(sequence, begun);
            }
            "ACTIVITY_TASK_STARTED" => {
                let attempt = attributes["attempt"].as_u64().context("it has an attempt")?;
                let started_at = attributes["startedAtMs"].as_i64().context("it has a start")?;
                let course = self.activities.get_mut(&of("scheduledEventId")?).context("not scheduled")?;
                ensure!(course.started.replace((attempt, started_at)).is_none(), "it started twice");
            }
            "ACTIVITY_TASK_COMPLETED" => {
                let course = self.activities.get_mut(&of("scheduledEventId")?).context("not scheduled")?;
                ensure!(course.started.is_some(), "it never started");
                ensure!(!std::mem::replace(&mut course.ended, true), "it ended twice");
            }
            "ACTIVITY_TASK_TIMED_OUT" => bail!("an activity was given up, though lost workers do not count"),
            "TIMER_STARTED" => {
                self.timers.insert(sequence, begun);
            }
            "TIMER_FIRED" => {
                let course = self.timers.get_mut(&of("startedEventId")?).context("not started")?;
                ensure!(!std::mem::replace(&mut course.ended, true), "it fired twice");
            }
            "WORKFLOW_EXECUTION_STARTED" => ensure!(sequence == 1, "it started twice"),
            "WORKFLOW_EXECUTION_COMPLETED" | "WORKFLOW_EXECUTION_FAILED" => {
                ensure!(sequence == self.events.len() as u64, "something follows the end");
            }
            _ => bail!("nobody asked for such an event"),
        }
        Ok(())
    }

    /// Checks what only the whole history tells; the answer is the number of further attempts.
    fn check(&self, losses: &Losses) -> Result<usize> {
        ensure!(
            self.types.first() == Some(&"WORKFLOW_EXECUTION_STARTED"),
            "it does not begin with its start"
        );
        let open = self.activities.iter().chain(&self.timers).find(|(_, course)| !course.ended);
        ensure!(open.is_none(), "{open:?} has no end");
        let mut further = 0;
        for (scheduled, course) in &self.activities {
            let (attempt, started_at) = course.started.context("an activity that ended had started")?;
            // Nothing else fails here, so each attempt after the first stands for a worker that was lost.
            let lost = losses.between(course.begun_at_ms, started_at);
            let more = usize::try_from(attempt)?.saturating_sub(1);
            ensure!(
                more <= lost,
                "the activity of event {scheduled} was at attempt {attempt}, but {lost} workers were lost meanwhile"
            );
            further += more;
        }
        Ok(further)
    }

    fn check_size(&self, work: &Work) -> Result<()> {
        let (activities, timers) = (self.activities.len(), self.timers.len());
        ensure!(activities == work.activities(), "{activities} activities instead of {}", work.activities());
        ensure!(timers == work.timers(), "{timers} timers instead of {}", work.timers());
        Ok(())
    }

    fn check_seen(&self, seen: &Seen) -> Result<()> {
        let first = usize::try_from(seen.first)?;
        let sent = self.types.get(first - 1..).context("the watcher began after the end")?;
        ensure!(sent == seen.types, "the watcher saw {:?} from event {first} on", seen.types);
        ensure!(usize::try_from(seen.history_length)? == self.types.len(), "the watcher saw another length");
        Ok(())
    }

    fn closing(&self) -> &str {
        self.types.last().copied().unwrap_or_default()
    }
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
    let data = client.data(COUNT, json!({ "filter": filter })).await?;
    let count = data["workflows"]["totalCount"].as_u64().context("a list has a count")?;
    Ok(usize::try_from(count)?)
}

/// Waits until only these workers are left in the list, with nothing to do.
pub(super) async fn idle(client: &Client, workers: &[String]) -> Result<()> {
    let expected: BTreeSet<&str> = workers.iter().map(String::as_str).collect();
    wait::until_async(format!("{expected:?} to be alone and idle"), async || {
        let data = client.data(WORKERS, json!({})).await?;
        let nodes = data["workers"]["nodes"].as_array().context("workers are listed")?;
        let alone = nodes.iter().map(|node| node["identity"].as_str().unwrap_or_default()).collect();
        let idle = nodes.iter().all(|node| node["slotsUsed"] == 0);
        let queues = data["taskQueues"]["nodes"].as_array().context("queues are listed")?;
        let empty = queues.iter().all(|queue| queue["backlog"] == 0 && queue["running"] == 0);
        Ok((expected == alone && idle && empty).then_some(()))
    })
    .await
}
