use async_graphql::{Enum, InputObject, MaybeUndefined};
use ctutor_engine::{
    client::{self, StartTime, StartWorkflow},
    payload::Payload,
};

use crate::graphql::{
    scalar::{DateTime, Duration, Json},
    types::{UserError, UserErrorCode},
};

/// A workflow to start.
#[derive(Debug, Clone, InputObject)]
pub struct StartWorkflowInput {
    /// Registered type.
    #[graphql(name = "type")]
    pub workflow_type: String,
    /// What it gets; `{}` when left out. Checked against the JSON Schema of the type.
    pub input: MaybeUndefined<Json>,
    /// Name of the run, unique among open runs; made up when left out.
    pub workflow_id: Option<String>,
    /// Queue. When left out it is the type's own; if that is the ordinary one, the priority chooses another:
    /// high above 5, low below 0.
    pub task_queue: Option<String>,
    /// Higher runs first; -100 to 100.
    #[graphql(default_with = "Some(0)")]
    pub priority: Option<i32>,
    /// Not before this instant.
    pub start_at: Option<DateTime>,
    /// Not before this time from now; instead of `startAt`.
    pub delay: Option<Duration>,
    /// Most time in all; the type's own when left out.
    pub timeout: Option<Duration>,
    /// When the workflow id is taken by an open run.
    #[graphql(default_with = "ConflictPolicy::Fail")]
    pub on_conflict: ConflictPolicy,
    /// When the workflow id is taken by a closed run.
    #[graphql(default_with = "ReusePolicy::RejectDuplicate")]
    pub reuse_policy: ReusePolicy,
    /// Free notes; a JSON object.
    pub memo: Option<Json>,
    /// Named values for search; a JSON object.
    pub search_attributes: Option<Json>,
    /// The same key and input give the same run; kept 24 hours.
    pub idempotency_key: Option<String>,
}

/// What to do when an open run has the workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ConflictPolicy")]
pub enum ConflictPolicy {
    /// Refuse.
    Fail,
    /// Return the open run.
    UseExisting,
    /// Terminate it and start.
    TerminateExisting,
}

/// What to do when a closed run has the workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "client::ReusePolicy")]
pub enum ReusePolicy {
    /// Refuse.
    RejectDuplicate,
    /// Start when the closed one did not complete.
    AllowDuplicateFailedOnly,
    /// Start.
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
                return Err(invalid("delay", "`startAt` and `delay` cannot be given together"));
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
        Err(invalid(field, format!("`{field}` must be a JSON object")))
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
