use async_graphql::{Enum, InputObject, MaybeUndefined};
use ctutor_engine::{
    client::{self, StartTime, StartWorkflow},
    payload::{Payload, syntax},
};

use crate::graphql::{
    scalar::{DateTime, Duration, Json},
    types::{UserError, UserErrorCode},
};

/// Input of `startWorkflow`.
#[derive(Debug, Clone, InputObject)]
pub struct StartWorkflowInput {
    /// Workflow type, as registered by workers.
    #[graphql(name = "type")]
    pub workflow_type: String,
    /// Workflow input, checked against the type's JSON Schema. Defaults to `{}`.
    pub input: MaybeUndefined<Json>,
    /// Workflow ID, unique among open runs. Generated if omitted.
    pub workflow_id: Option<String>,
    /// Task queue. Defaults to the type's task queue. If that is `computor-tasks`, a priority above 5 selects the queue
    /// for high priority, and one below 0 the queue for low priority.
    pub task_queue: Option<String>,
    /// Priority from -100 to 100. Higher priorities run first.
    #[graphql(default_with = "Some(0)")]
    pub priority: Option<i32>,
    /// Earliest time at which a worker may start the run. Cannot be combined with `delay`.
    pub start_at: Option<DateTime>,
    /// Delay before a worker may start the run. Cannot be combined with `startAt`.
    pub delay: Option<Duration>,
    /// Execution timeout. Defaults to the workflow type's.
    pub timeout: Option<Duration>,
    /// What to do if an open run has this workflow ID.
    #[graphql(default_with = "ConflictPolicy::Fail")]
    pub on_conflict: ConflictPolicy,
    /// What to do if a closed run has this workflow ID.
    #[graphql(default_with = "ReusePolicy::RejectDuplicate")]
    pub reuse_policy: ReusePolicy,
    /// Notes to store with the run: a JSON object.
    pub memo: Option<Json>,
    /// Search attributes: a JSON object of names and values.
    pub search_attributes: Option<Json>,
    /// Key that makes the call safe to repeat: the same key with the same input returns the same run. Kept for 24 hours.
    pub idempotency_key: Option<String>,
}

/// What to do if an open run has the workflow ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ConflictPolicy")]
pub enum ConflictPolicy {
    /// Do not start; return a user error.
    Fail,
    /// Return the open run.
    UseExisting,
    /// Terminate the open run and start a new one.
    TerminateExisting,
}

/// What to do if a closed run has the workflow ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ReusePolicy")]
pub enum ReusePolicy {
    /// Do not start; return a user error.
    RejectDuplicate,
    /// Start a new run unless the closed one has completed.
    AllowDuplicateFailedOnly,
    /// Start a new run.
    AllowDuplicate,
}

impl StartWorkflowInput {
    /// The request for the engine, which checks what is not checked by its types.
    pub(in crate::graphql) fn into_engine(self) -> Result<StartWorkflow, UserError> {
        let input = match self.input {
            MaybeUndefined::Undefined => Payload::empty_object(),
            MaybeUndefined::Null => Payload::null(),
            MaybeUndefined::Value(json) => payload("input", json)?,
        };
        let start = match (self.start_at, self.delay) {
            (Some(_), Some(_)) => {
                return Err(invalid("delay", "`startAt` and `delay` cannot be combined"));
            }
            (Some(start_at), None) => Some(StartTime::At(start_at.0)),
            (None, Some(delay)) => Some(StartTime::After(delay.0)),
            (None, None) => None,
        };
        Ok(StartWorkflow {
            workflow_id: self.workflow_id,
            task_queue: self.task_queue,
            priority: self.priority.unwrap_or(0),
            start,
            execution_timeout: self.timeout.map(|timeout| timeout.0),
            memo: object("memo", self.memo)?,
            search_attributes: object("searchAttributes", self.search_attributes)?,
            conflict_policy: self.on_conflict.into(),
            reuse_policy: self.reuse_policy.into(),
            idempotency_key: self.idempotency_key,
            ..StartWorkflow::new(self.workflow_type, input)
        })
    }
}

fn object(field: &str, json: Option<Json>) -> Result<Payload, UserError> {
    let Some(json) = json else { return Ok(Payload::empty_object()) };
    let value = payload(field, json)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(invalid(field, format!("expected a JSON object, found {}", syntax::kind(value.as_str()))))
    }
}

fn payload(field: &str, json: Json) -> Result<Payload, UserError> {
    json.into_payload().map_err(|_| invalid(field, format!("`{field}` is not a valid JSON value")))
}

fn invalid(field: &str, message: impl Into<String>) -> UserError {
    UserError {
        code: UserErrorCode::Invalid,
        message: message.into(),
        path: Some(vec!["input".to_owned(), field.to_owned()]),
    }
}
