use ctutor_engine::{
    client::{Activity, Waiter, WorkflowExecution},
    clock::Timestamp,
    failure::Failure,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    cut::Cut,
    status::TaskStatus,
    task_info::{error, progress},
};

/// What came of a task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskResult {
    /// The workflow id.
    pub task_id: String,
    /// State.
    pub status: TaskStatus,
    /// What it returned, or the envelope of its failure; nothing while it is open or when it was stopped.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Accepted.
    pub created_at: String,
    /// A worker began.
    pub started_at: Option<String>,
    /// Ended.
    pub finished_at: Option<String>,
    /// The latest report of the running code.
    pub progress: Option<Value>,
}

impl TaskResult {
    pub(super) fn new(waiter: &Waiter, pending: &[Activity], now: Timestamp) -> Self {
        let status = TaskStatus::of(waiter, now);
        let execution = &waiter.execution;
        let error = error(execution);
        let result = match status {
            TaskStatus::Finished => execution.result.as_ref().map(|result| completed(result.to_value())),
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
/// A run that returns an envelope has said what else there is to say.
fn completed(result: Value) -> Value {
    let is_envelope = ["status", "result", "error", "metadata"].iter().all(|name| result.get(name).is_some());
    if is_envelope {
        return result;
    }
    json!({ "status": "completed", "result": result, "error": null, "metadata": {} })
}

fn failed(execution: &WorkflowExecution, error: Option<&str>) -> Value {
    let details = execution.failure.as_ref().and_then(details).unwrap_or_else(|| json!({}));
    json!({ "status": "failed", "result": null, "error": error, "metadata": details })
}

/// The first details in the chain: what wraps a failure seldom has its own.
fn details(failure: &Failure) -> Option<Value> {
    let mut next = Some(failure);
    while let Some(failure) = next {
        if let Some(details) = &failure.details {
            return Some(details.to_value());
        }
        next = failure.cause.as_deref();
    }
    None
}

#[cfg(test)]
mod tests {
    use ctutor_engine::payload::Payload;

    use super::*;

    #[test]
    fn a_plain_result_is_put_into_the_envelope_and_an_envelope_stays() {
        let wrapped = completed(json!({ "message": "hello" }));
        assert_eq!(wrapped["result"]["message"], "hello");
        assert_eq!(wrapped["status"], "completed");
        assert_eq!(completed(wrapped.clone()), wrapped);
        assert_eq!(completed(json!(5))["result"], 5);
    }

    #[test]
    fn the_details_of_the_innermost_failure_are_found() {
        let mut cause = Failure::new("Simulated", "Simulated failure at step 2");
        cause.details = Some(Payload::parse(r#"{"attempts":2}"#).unwrap());
        let failure = Failure::new("Outer", "failed").caused_by(cause);
        assert_eq!(details(&failure).unwrap(), json!({ "attempts": 2 }));
        assert_eq!(details(&Failure::new("Plain", "failed")), None);
    }
}
