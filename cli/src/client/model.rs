//! Answers of the API, as far as the commands look into them.

use std::fmt;

use ctutor_engine::payload::Payload;
use serde::Deserialize;

use super::Object;

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection<T> {
    pub(crate) nodes: Vec<T>,
    #[serde(default)]
    pub(crate) page_info: PageInfo,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PageInfo {
    pub(crate) has_next_page: bool,
    pub(crate) end_cursor: Option<String>,
}

/// One run of a workflow.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Workflow {
    pub(crate) id: String,
    pub(crate) workflow_id: String,
    pub(crate) status: WorkflowStatus,
    #[serde(rename = "type", default)]
    pub(crate) workflow_type: String,
    #[serde(default)]
    pub(crate) task_queue: String,
    #[serde(default)]
    pub(crate) priority: i64,
    pub(crate) owner: Option<String>,
    pub(crate) memo: Option<Payload>,
    pub(crate) search_attributes: Option<Payload>,
    pub(crate) timeout: Option<String>,
    pub(crate) input: Option<Payload>,
    pub(crate) result: Option<Payload>,
    pub(crate) failure: Option<Failure>,
    pub(crate) created_at: Option<String>,
    pub(crate) started_at: Option<String>,
    pub(crate) closed_at: Option<String>,
    pub(crate) start_at: Option<String>,
    pub(crate) worker_identity: Option<String>,
    pub(crate) history_length: Option<i64>,
    #[serde(default)]
    pub(crate) pending_activities: Vec<Activity>,
    pub(crate) blocked_task: Option<BlockedTask>,
}

/// State of a run. A server may be newer than this command and know more of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct WorkflowStatus(pub(crate) String);

impl WorkflowStatus {
    pub(crate) fn is_completed(&self) -> bool {
        self.0 == "COMPLETED"
    }

    /// Whether it has ended, in a state that this command knows.
    pub(crate) fn is_closed(&self) -> bool {
        let mut known = ctutor_engine::client::WorkflowStatus::ALL.into_iter();
        known.any(|status| status.is_closed() && status.as_str() == self.0)
    }

    /// Whether no worker has begun it.
    pub(crate) fn is_pending(&self) -> bool {
        self.0 == "PENDING"
    }
}

impl fmt::Display for WorkflowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An error as history records it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Failure {
    pub(crate) message: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) cause: Option<Box<Failure>>,
}

/// With what led to it, as far as that is not said already.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.described();
        let mut next = &self.cause;
        while let Some(cause) = next {
            if !text.contains(&cause.message) {
                text += "; caused by: ";
                text += &cause.described();
            }
            next = &cause.cause;
        }
        f.write_str(&text)
    }
}

impl Failure {
    fn described(&self) -> String {
        let Self { message, kind, .. } = self;
        if kind.is_empty() { message.clone() } else { format!("{message} ({kind})") }
    }
}

/// One event of a run's history.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HistoryEvent {
    pub(crate) sequence: i64,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) at: String,
    pub(crate) attributes: Object,
}

/// Why a mutation was refused.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UserError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) path: Option<Vec<String>>,
    /// Where the value stands in what the user wrote, if that is known.
    #[serde(skip)]
    pub(crate) place: Option<String>,
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match (self.path.as_deref(), &self.place) {
            (None | Some([]), _) => Ok(()),
            (Some(path), None) => write!(f, " (at `{}`)", path.join(".")),
            (Some(path), Some(place)) => write!(f, " (at `{}`, {place})", path.join(".")),
        }
    }
}

/// A process that runs tasks.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Worker {
    pub(crate) identity: String,
    pub(crate) build_id: Option<String>,
    pub(crate) task_queues: Vec<String>,
    pub(crate) slots: i64,
    pub(crate) slots_used: i64,
    pub(crate) draining: bool,
    pub(crate) started_at: String,
    pub(crate) last_seen_at: String,
    pub(crate) clock_offset_seconds: Option<f64>,
}

/// A named queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskQueue {
    pub(crate) name: String,
    pub(crate) backlog: i64,
    pub(crate) running: i64,
    pub(crate) oldest_age: Option<String>,
    pub(crate) workers: Count,
}

/// How many items a list has.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Count {
    pub(crate) total_count: i64,
}

/// A registered workflow type.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkflowType {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) task_queue: String,
    pub(crate) timeout: Option<String>,
    pub(crate) input_schema: Option<Payload>,
    pub(crate) result_schema: Option<Payload>,
}

/// An activity of an open run.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Activity {
    #[serde(rename = "type")]
    pub(crate) activity_type: String,
    pub(crate) status: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) next_attempt_at: Option<String>,
    pub(crate) last_failure: Option<Failure>,
    pub(crate) heartbeat: Option<Heartbeat>,
}

/// The latest heartbeat of a running activity.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Heartbeat {
    pub(crate) progress: Option<f64>,
    pub(crate) completed: Option<f64>,
    pub(crate) total: Option<f64>,
    pub(crate) message: Option<String>,
}

/// The workflow task that keeps failing, with its last error.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockedTask {
    pub(crate) attempt: u32,
    pub(crate) failure: Failure,
    pub(crate) next_attempt_at: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_tells_what_led_to_it() {
        let failure: Failure = serde_json::from_value(json!({
            "message": "the activity failed", "type": "ActivityFailed",
            "cause": {"message": "no such file", "type": "Io", "cause": null},
        }))
        .unwrap();
        assert_eq!(failure.to_string(), "the activity failed (ActivityFailed); caused by: no such file (Io)");
    }

    #[test]
    fn a_failure_says_nothing_twice() {
        let failure: Failure = serde_json::from_value(json!({
            "message": "`run_tests` failed: no such file", "type": "ActivityFailed",
            "cause": {"message": "no such file", "type": "Io", "cause": {"message": "disk gone", "type": ""}},
        }))
        .unwrap();
        assert_eq!(
            failure.to_string(),
            "`run_tests` failed: no such file (ActivityFailed); caused by: disk gone"
        );
    }

    #[test]
    fn a_refusal_shows_the_field_at_fault() {
        let error: UserError = serde_json::from_value(json!({
            "code": "INVALID", "message": "\"x\" is not of type \"integer\"", "path": ["input", "duration"],
        }))
        .unwrap();
        assert_eq!(error.to_string(), "INVALID: \"x\" is not of type \"integer\" (at `input.duration`)");
    }
}
