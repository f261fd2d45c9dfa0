use std::time::Duration;

use async_graphql::indexmap::IndexMap;
use ctutor_engine::{
    client::{Activity, ActivityStatus, Waiter, WorkflowExecution},
    clock::Timestamp,
    failure::Failure,
    payload::Payload,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{attempts::Attempts, cut::Cut, status::TaskStatus};

/// How much of a task is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    /// All of it, with attempts from its history.
    Whole(&'a Attempts),
    /// As a row of a list, without large values.
    Row,
}

/// The fields of a progress report, each as it was written.
pub type Progress = IndexMap<String, Payload>;

/// A task as the course system shows it.
#[derive(Debug, Clone, Serialize)]
pub struct TaskInfo {
    /// The workflow ID.
    pub task_id: String,
    /// The workflow type.
    pub task_name: String,
    /// State of the task.
    pub status: TaskStatus,
    /// When the server accepted the task (RFC 3339, UTC).
    pub created_at: String,
    /// When a worker started the task.
    pub started_at: Option<String>,
    /// When the task ended.
    pub finished_at: Option<String>,
    /// The latest progress report of the running activity.
    pub progress: Option<Progress>,
    /// Error message of a failed task, with its causes.
    pub error: Option<String>,
    /// Name of the worker that runs the task or ran it last.
    pub worker: Option<String>,
    /// Task queue.
    pub queue: String,
    /// Largest number of failed attempts of one activity. In lists only open activities count, and it is null for ended
    /// tasks.
    pub retries: Option<u32>,
    /// Always empty, because parameters have names.
    pub args: [(); 0],
    /// Parameters of the task.
    pub kwargs: Payload,
    /// Fields that are too large for a list: in lists `kwargs` is null, `progress` lacks the details of the activity, and
    /// `error` is cut. `GET /tasks/{id}` returns them in full.
    pub truncated: Vec<&'static str>,
    /// Last part of the ID.
    pub short_task_id: String,
    /// The state in upper case, for display.
    pub status_display: String,
    /// The same as `finished_at`.
    pub completed_at: Option<String>,
    /// Whether `/result` has a result or an error.
    pub has_result: bool,
    /// The same for display: `Yes` or `No`.
    pub result_available: &'static str,
    /// Time since the start, or from start to end for ended tasks, such as `2m 5s`.
    pub duration: Option<String>,
    /// The same as `task_id`.
    pub workflow_id: String,
    /// Run ID.
    pub run_id: String,
    /// When the task started or is to start.
    pub execution_time: String,
    /// Number of history events so far.
    pub history_length: i64,
}

impl TaskInfo {
    /// Describes a run with its open activities.
    pub(super) fn new(waiter: &Waiter, pending: &[Activity], view: View<'_>, now: Timestamp) -> Self {
        let status = TaskStatus::of(waiter, now);
        let execution = &waiter.execution;
        let mut cut = match view {
            View::Whole(_) => Cut::nothing(),
            View::Row => Cut::row(),
        };
        let task_id = execution.workflow_id.as_str();
        let finished_at = execution.closed_at.map(|time| time.to_string());
        let has_result = matches!(status, TaskStatus::Finished | TaskStatus::Failed);
        let began_at = execution.started_at.or(execution.start_at).unwrap_or(execution.created_at);
        Self {
            task_id: task_id.to_owned(),
            task_name: execution.workflow_type.as_str().to_owned(),
            status,
            created_at: execution.created_at.to_string(),
            started_at: execution.started_at.map(|time| time.to_string()),
            finished_at: finished_at.clone(),
            progress: progress(status, pending, &mut cut),
            error: error(execution).map(|text| cut.text("error", text)),
            worker: worker(execution, pending, view),
            queue: execution.task_queue.as_str().to_owned(),
            retries: retries(execution, pending, view),
            args: [],
            kwargs: match cut.takes("kwargs", execution.input.size_bytes()) {
                true => execution.input.clone(),
                false => Payload::null(),
            },
            truncated: cut.fields,
            short_task_id: task_id.rsplit('-').next().unwrap_or(task_id).to_owned(),
            status_display: status.as_str().to_uppercase(),
            completed_at: finished_at,
            has_result,
            result_available: if has_result { "Yes" } else { "No" },
            duration: execution
                .started_at
                .map(|started_at| duration(execution.closed_at.unwrap_or(now).since(started_at))),
            workflow_id: task_id.to_owned(),
            run_id: execution.run_id.to_string(),
            execution_time: began_at.to_string(),
            history_length: execution.history_length,
        }
    }
}

/// The latest progress of an open activity: the details of its heartbeat, with the values that the engine adds.
pub(super) fn progress(status: TaskStatus, pending: &[Activity], cut: &mut Cut) -> Option<Progress> {
    if status == TaskStatus::Finished {
        return Some(Progress::from_iter([("percent".to_owned(), json!(100).into())]));
    }
    let reports = pending.iter().filter_map(|activity| Some((activity, activity.heartbeat.as_ref()?)));
    let (activity, report) = reports.max_by_key(|(_, report)| report.at)?;
    let details = report.details.as_ref().filter(|details| cut.takes("progress", details.size_bytes()));
    let mut progress = match details {
        None => Progress::new(),
        Some(details) if details.as_str() == "null" => Progress::new(),
        Some(details) => details
            .decode::<Progress>()
            .unwrap_or_else(|_| Progress::from_iter([("details".to_owned(), details.clone())])),
    };
    if let Some(fraction) = report.fraction() {
        progress.insert("percent".to_owned(), number((fraction * 1_000.0).round() / 10.0).into());
    }
    for (name, value) in [("completed", report.completed), ("total", report.total)] {
        if let Some(value) = value {
            progress.insert(name.to_owned(), number(value).into());
        }
    }
    if let Some(message) = &report.message {
        progress.insert("message".to_owned(), json!(message).into());
    }
    progress.entry("stage".to_owned()).or_insert_with(|| json!(activity.activity_type.as_str()).into());
    Some(progress)
}

/// Whole numbers are written without a fraction.
fn number(value: f64) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
        return json!(value as i64);
    }
    json!(value)
}

/// The failure of a run with its causes.
pub(super) fn error(execution: &WorkflowExecution) -> Option<String> {
    let failure = execution.failure.as_ref()?;
    let mut text = failure.message.clone();
    let mut cause = failure.cause.as_deref();
    while let Some(Failure { message, cause: next, .. }) = cause {
        if !text.contains(message.as_str()) {
            text.push_str(": ");
            text.push_str(message);
        }
        cause = next.as_deref();
    }
    Some(text)
}

fn retries(execution: &WorkflowExecution, pending: &[Activity], view: View<'_>) -> Option<u32> {
    let of_open = pending.iter().map(|activity| activity.attempt.saturating_sub(1)).max().unwrap_or(0);
    match view {
        View::Whole(attempts) => Some(of_open.max(attempts.retries)),
        View::Row => (!execution.status.is_closed()).then_some(of_open),
    }
}

/// The worker of the running activity, else that of the last one; the run's row names the one that began it.
fn worker(execution: &WorkflowExecution, pending: &[Activity], view: View<'_>) -> Option<String> {
    let running = pending.iter().filter(|activity| activity.status == ActivityStatus::Started);
    let of_running = running.filter_map(|activity| activity.worker_identity.clone()).next_back();
    let of_last = match view {
        View::Whole(attempts) => attempts.worker.clone(),
        View::Row => None,
    };
    of_running.or(of_last).or_else(|| execution.worker_identity.clone())
}

/// `12s`, `2m 5s`, `1h 3m`.
fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match (seconds / 3_600, seconds % 3_600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use ctutor_engine::{
        client::{ActivityHeartbeat, WorkflowStatus},
        ids::{ActivityType, Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    };

    use super::*;

    fn execution(status: WorkflowStatus) -> WorkflowExecution {
        WorkflowExecution {
            run_id: RunId::new(),
            namespace: Namespace::trusted("default"),
            workflow_id: WorkflowId::trusted("example_long_running-a1b2"),
            workflow_type: WorkflowType::trusted("example_long_running"),
            task_queue: TaskQueue::trusted("computor-tasks"),
            priority: 0,
            status,
            owner: Some("ada".to_owned()),
            input: Payload::parse(r#"{"duration":5}"#).unwrap(),
            result: None,
            failure: None,
            memo: Payload::parse("{}").unwrap(),
            search_attributes: Payload::parse("{}").unwrap(),
            created_at: Timestamp(0),
            start_at: None,
            started_at: Some(Timestamp(1_000)),
            closed_at: None,
            execution_timeout: None,
            history_length: 3,
            worker_identity: Some("worker-1".to_owned()),
        }
    }

    fn in_hand(execution: WorkflowExecution) -> Waiter {
        Waiter { execution, due_at: None }
    }

    fn activity(attempt: u32, heartbeat: Option<ActivityHeartbeat>) -> Activity {
        Activity {
            run_id: RunId::new(),
            scheduled_event_id: 2,
            activity_id: "1".to_owned(),
            activity_type: ActivityType::trusted("simulate_processing"),
            status: ActivityStatus::Started,
            task_queue: TaskQueue::trusted("computor-tasks"),
            attempt,
            maximum_attempts: Some(3),
            input: Payload::null(),
            result: None,
            last_failure: None,
            scheduled_at: Timestamp(1_000),
            started_at: Some(Timestamp(1_000)),
            next_attempt_at: None,
            closed_at: None,
            heartbeat,
            worker_identity: Some("worker-2".to_owned()),
        }
    }

    fn heartbeat(details: Option<&str>) -> ActivityHeartbeat {
        ActivityHeartbeat {
            sequence: 1,
            at: Timestamp(2_000),
            completed: Some(2.0),
            total: Some(3.0),
            message: Some("hello".to_owned()),
            details: details.map(|text| Payload::parse(text).unwrap()),
        }
    }

    #[test]
    fn a_running_task_shows_its_progress_retries_and_worker() {
        let pending = [activity(2, Some(heartbeat(Some(r#"{"stage":"compile","files":7}"#))))];
        let run = in_hand(execution(WorkflowStatus::Running));
        let info = TaskInfo::new(&run, &pending, View::Row, Timestamp(126_000));
        assert_eq!(
            json!(info.progress),
            json!({"stage": "compile", "files": 7, "percent": 66.7, "completed": 2, "total": 3, "message": "hello"})
        );
        assert_eq!(info.retries, Some(1));
        assert_eq!(info.worker.as_deref(), Some("worker-2"));
        assert_eq!(info.duration.as_deref(), Some("2m 5s"));
        assert_eq!(info.short_task_id, "a1b2");
        assert_eq!(info.status_display, "STARTED");
        assert_eq!(info.kwargs.as_str(), r#"{"duration":5}"#);
        assert!(!info.has_result && info.truncated.is_empty());
    }

    #[test]
    fn a_row_leaves_out_what_is_large_and_the_whole_task_does_not() {
        let large = format!(r#"{{"text":"{}"}}"#, "ä".repeat(5_000));
        let pending = [activity(1, Some(heartbeat(Some(&large))))];
        let mut run = in_hand(execution(WorkflowStatus::Running));
        run.execution.input = Payload::parse(large.as_str()).unwrap();
        run.execution.failure = Some(Failure::new("Large", "ä".repeat(2_500)));
        let row = TaskInfo::new(&run, &pending, View::Row, Timestamp(5_000));
        assert_eq!(row.truncated, ["progress", "error", "kwargs"]);
        assert_eq!(
            (row.kwargs, &row.progress.unwrap()["message"]),
            (Payload::null(), &json!("hello").into())
        );
        assert_eq!(row.error.unwrap(), format!("{}…", "ä".repeat(2_048)));
        let whole = TaskInfo::new(&run, &pending, View::Whole(&Attempts::default()), Timestamp(5_000));
        assert!(whole.truncated.is_empty() && whole.error.unwrap().len() == 5_000);
        assert_eq!(json!(whole.kwargs)["text"], json!(whole.progress)["text"]);
    }

    #[test]
    fn history_tells_the_retries_and_the_worker_of_a_task_that_has_ended() {
        let ended = in_hand(execution(WorkflowStatus::Completed));
        let attempts = Attempts { retries: 2, worker: Some("worker-3".to_owned()) };
        let info = TaskInfo::new(&ended, &[], View::Whole(&attempts), Timestamp(5_000));
        assert_eq!((info.retries, info.worker.as_deref()), (Some(2), Some("worker-3")));
        let row = TaskInfo::new(&ended, &[], View::Row, Timestamp(5_000));
        assert_eq!((row.retries, row.worker.as_deref()), (None, Some("worker-1")));
    }

    #[test]
    fn the_stage_is_the_activity_when_it_names_none() {
        let progress = |report| progress(TaskStatus::Started, &[activity(1, report)], &mut Cut::row());
        assert_eq!(progress(Some(heartbeat(None))).unwrap()["stage"].as_str(), r#""simulate_processing""#);
        assert_eq!(progress(None), None);
    }

    #[test]
    fn a_failed_task_tells_the_whole_chain_without_repeating_it() {
        let cause = Failure::new("Simulated", "Simulated failure at step 2");
        let mut failed = execution(WorkflowStatus::Failed);
        failed.failure =
            Some(Failure::new("ActivityFailure", "activity `x` failed").caused_by(cause.clone()));
        assert_eq!(error(&failed).unwrap(), "activity `x` failed: Simulated failure at step 2");
        failed.failure = Some(Failure::new("Outer", "stopped: Simulated failure at step 2").caused_by(cause));
        assert_eq!(error(&failed).unwrap(), "stopped: Simulated failure at step 2");
        let info = TaskInfo::new(&in_hand(failed), &[], View::Row, Timestamp(5_000));
        assert_eq!((info.has_result, info.result_available), (true, "Yes"));
    }

    #[test]
    fn lengths_of_time_are_told_in_two_units() {
        for (seconds, text) in [(0, "0s"), (12, "12s"), (125, "2m 5s"), (3_780, "1h 3m"), (90_000, "25h 0m")]
        {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}
