use std::collections::HashMap;

use ctutor_engine::{
    client::{Activity, Waiter, WorkflowExecution},
    clock::Timestamp,
    failure::Failure,
    payload::Payload,
};
use serde::{Serialize, de::IgnoredAny};

use super::{
    cut::Cut,
    status::TaskStatus,
    task_info::{Progress, error, progress},
};

/// Result of a task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskResult {
    /// The workflow ID.
    pub task_id: String,
    /// State of the task.
    pub status: TaskStatus,
    /// The returned value in its envelope, or the envelope of the failure; null for open and stopped tasks.
    pub result: Option<Payload>,
    /// Error message of a failed task, with its causes.
    pub error: Option<String>,
    /// When the server accepted the task (RFC 3339, UTC).
    pub created_at: String,
    /// When a worker started the task.
    pub started_at: Option<String>,
    /// When the task ended.
    pub finished_at: Option<String>,
    /// The latest progress report of the running activity.
    pub progress: Option<Progress>,
}

impl TaskResult {
    pub(super) fn new(waiter: &Waiter, pending: &[Activity], now: Timestamp) -> Self {
        let status = TaskStatus::of(waiter, now);
        let execution = &waiter.execution;
        let error = error(execution);
        let result = match status {
            TaskStatus::Finished => execution.result.as_ref().map(completed),
            TaskStatus::Failed => Some(failed(execution, error.as_deref())),
            TaskStatus::Queued | TaskStatus::Started | TaskStatus::Deferred | TaskStatus::Cancelled => None,
        };
        Self {
            task_id: execution.workflow_id.as_str().to_owned(),
            status,
            result,
            error,
            created_at: execution.created_at.to_string(),
            started_at: execution.started_at.map(|time| time.to_string()),
            finished_at: execution.closed_at.map(|time| time.to_string()),
            progress: progress(status, pending, &mut Cut::nothing()),
        }
    }
}

/// Clients of the course system read `result.result.<field>`, so what a run returned goes into its envelope.
/// A run that returns an envelope itself is passed on unchanged.
fn completed(result: &Payload) -> Payload {
    let fields: Option<HashMap<String, IgnoredAny>> = result.decode().ok();
    let is_envelope = fields.is_some_and(|fields| {
        ["status", "result", "error", "metadata"].iter().all(|name| fields.contains_key(*name))
    });
    if is_envelope {
        return result.clone();
    }
    let metadata = &Payload::empty_object();
    Envelope { status: "completed", result: Some(result), error: None, metadata }.to_payload()
}

fn failed(execution: &WorkflowExecution, error: Option<&str>) -> Payload {
    let empty = Payload::empty_object();
    let metadata = execution.failure.as_ref().and_then(details).unwrap_or(&empty);
    Envelope { status: "failed", result: None, error, metadata }.to_payload()
}

#[derive(Serialize)]
struct Envelope<'a> {
    status: &'static str,
    result: Option<&'a Payload>,
    error: Option<&'a str>,
    metadata: &'a Payload,
}

impl Envelope<'_> {
    fn to_payload(&self) -> Payload {
        Payload::encode(self).expect("payloads are JSON text")
    }
}

/// The first details in the chain of causes: a failure that wraps another seldom has details.
fn details(failure: &Failure) -> Option<&Payload> {
    let mut next = Some(failure);
    while let Some(failure) = next {
        if let Some(details) = &failure.details {
            return Some(details);
        }
        next = failure.cause.as_deref();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_result_is_put_into_the_envelope_and_an_envelope_stays() {
        let plain = Payload::parse(r#"{"message":"hello","large":18446744073709551616}"#).unwrap();
        let wrapped = completed(&plain);
        assert_eq!(
            wrapped.as_str(),
            format!(r#"{{"status":"completed","result":{},"error":null,"metadata":{{}}}}"#, plain.as_str())
        );
        assert_eq!(completed(&wrapped), wrapped);
        assert!(completed(&Payload::parse("1E2").unwrap()).as_str().contains(r#""result":1E2,"#));
    }

    #[test]
    fn the_details_of_the_innermost_failure_are_found() {
        let mut cause = Failure::new("Simulated", "Simulated failure at step 2");
        cause.details = Some(Payload::parse(r#"{"attempts":2}"#).unwrap());
        let failure = Failure::new("Outer", "failed").caused_by(cause);
        assert_eq!(details(&failure).unwrap().as_str(), r#"{"attempts":2}"#);
        assert_eq!(details(&Failure::new("Plain", "failed")), None);
    }
}
