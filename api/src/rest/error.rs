use axum::{
    Json,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use ctutor_engine::{
    client::{StartError, StartField, StopError},
    near,
    payload::strict,
    store,
};
use serde_json::json;

use crate::{
    app::{DeleteRefusal, StartRefusal},
    auth::VerifyError,
    fault::Fault,
    transport::AuthError,
};

/// The stable error codes of the REST API; those of the course system where it has one.
pub mod code {
    /// A parameter or the body is not valid.
    pub const INVALID: &str = "VAL_001";
    /// The body is too large.
    pub const TOO_LARGE: &str = "VAL_002";
    /// The body did not arrive in time.
    pub const TOO_SLOW: &str = "HTTP_408";
    /// The token is missing or not accepted.
    pub const UNAUTHENTICATED: &str = "AUTH_001";
    /// The caller may not do this.
    pub const FORBIDDEN: &str = "AUTHZ_001";
    /// The task does not exist, or the caller may not see it.
    pub const NOT_FOUND: &str = "TASK_001";
    /// The state of the task does not allow the call.
    pub const CONFLICT: &str = "TASK_002";
    /// The path does not support the method.
    pub const METHOD_NOT_ALLOWED: &str = "HTTP_405";
    /// The path does not exist.
    pub const NO_ROUTE: &str = "HTTP_404";
    /// The service is unavailable for the moment.
    pub const UNAVAILABLE: &str = "EXT_004";
    /// The server failed; its log has the cause.
    pub const INTERNAL: &str = "INT_001";
}

/// How many unknown names are told in a message.
const UNKNOWN_MAX: usize = 10;

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Error {
    Unauthenticated {
        message: String,
        challenge: Option<header::HeaderValue>,
    },
    Invalid {
        message: String,
        details: serde_json::Value,
    },
    TooLarge {
        message: String,
    },
    TooSlow,
    Forbidden {
        message: String,
    },
    NotFound,
    Conflict {
        message: String,
        details: serde_json::Value,
    },
    /// The server stops, which ends calls that wait.
    Stopping,
    Fault(Fault),
}

impl Error {
    /// A parameter or field that is not valid.
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), details: json!({ "field": field }) }
    }

    /// Parameters or fields that a call does not have, with those that it has.
    pub(super) fn unknown(what: &str, unknown: &[String], known: &[&str]) -> Self {
        let quoted =
            |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let shown: Vec<&str> = unknown.iter().take(UNKNOWN_MAX).map(String::as_str).collect();
        let meant = shown.iter().find_map(|name| near::meant(name, known.iter().copied()));
        let advice = match (meant, known) {
            (_, []) => "; this call takes none".to_owned(),
            (Some(meant), known) => format!("; did you mean `{meant}`? Expected only {}", quoted(known)),
            (None, known) => format!("; expected only {}", quoted(known)),
        };
        let message = format!("unknown {what}: {}{advice}", quoted(&shown));
        Self::Invalid { message, details: json!({ "fields": unknown }) }
    }

    /// A fault of the database, logged.
    pub(super) fn store(error: &store::Error) -> Self {
        Self::Fault(Fault::of_store(error))
    }

    fn parts(self) -> (StatusCode, &'static str, String, serde_json::Value) {
        let none = serde_json::Value::Null;
        match self {
            Self::Unauthenticated { message, .. } => {
                (StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message, none)
            }
            Self::Invalid { message, details } => (StatusCode::BAD_REQUEST, code::INVALID, message, details),
            Self::TooLarge { message } => (StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE, message, none),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                code::TOO_SLOW,
                "the body did not arrive in time".to_owned(),
                none,
            ),
            Self::Forbidden { message } => (StatusCode::FORBIDDEN, code::FORBIDDEN, message, none),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                code::NOT_FOUND,
                "the task does not exist, or you may not see it".to_owned(),
                none,
            ),
            Self::Conflict { message, details } => (StatusCode::CONFLICT, code::CONFLICT, message, details),
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                code::UNAVAILABLE,
                "the server is stopping and the task has not ended yet; repeat the call".to_owned(),
                none,
            ),
            Self::Fault(fault @ Fault::Unavailable) => {
                (StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, fault.message().to_owned(), none)
            }
            Self::Fault(fault @ Fault::Internal) => {
                (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, fault.message().to_owned(), none)
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(mut self) -> Response {
        let challenge = match &mut self {
            Self::Unauthenticated { challenge, .. } => challenge.take(),
            _ => None,
        };
        let (status, code, message, details) = self.parts();
        let mut response = respond(status, code, &message, details);
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The body of every error. `detail` is for clients that expect the shape of common web frameworks.
fn respond(status: StatusCode, code: &str, message: &str, details: serde_json::Value) -> Response {
    let mut error = json!({ "code": code, "message": message });
    if !details.is_null() {
        error["details"] = details;
    }
    let body = Json(json!({ "error": error, "detail": message }));
    (status, body).into_response()
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!(
        "`{}` is not supported by `{}`; the header `Allow` lists the methods that are",
        strict::shown(method.as_str()),
        strict::shown(uri.path())
    );
    respond(StatusCode::METHOD_NOT_ALLOWED, code::METHOD_NOT_ALLOWED, &message, serde_json::Value::Null)
}

/// Paths without a parameter, for those who miss one by a slip.
const PATHS: [&str; 12] = [
    "/graphql",
    "/healthz",
    "/metrics",
    "/readyz",
    "/task",
    "/task/cancel",
    "/task/result",
    "/task/status",
    "/tasks",
    "/tasks/submit",
    "/tasks/types",
    "/tasks/workers/status",
];

/// The response to paths that do not exist.
pub(crate) async fn no_route(uri: Uri) -> Response {
    let path = uri.path();
    let meant = near::meant(path.trim_end_matches('/'), PATHS);
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    let message = format!("the path `{}` does not exist{meant}", strict::shown(path));
    respond(StatusCode::NOT_FOUND, code::NO_ROUTE, &message, serde_json::Value::Null)
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        let message = error.to_string();
        Self::Unauthenticated { message, challenge: AuthError::from(error).challenge() }
    }
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        Self::Unauthenticated { message: error.to_string(), challenge: error.challenge() }
    }
}

impl From<StartRefusal> for Error {
    fn from(refusal: StartRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            StartRefusal::Forbidden { .. } | StartRefusal::TooFar { .. } => Self::Forbidden { message },
            StartRefusal::Start(error) => of_start(error, message),
        }
    }
}

fn of_start(error: StartError, message: String) -> Error {
    match error {
        StartError::Store(error) => Error::store(&error),
        StartError::Invalid { field, path, message } => invalid_start(field, path, &message),
        StartError::UnknownType { .. } => invalid_start(StartField::WorkflowType, Vec::new(), &message),
        StartError::TooLarge { .. } => Error::TooLarge { message },
        StartError::AlreadyRunning { workflow_id, run_id }
        | StartError::Duplicate { workflow_id, run_id } => {
            let details = json!({ "task_id": workflow_id.as_str(), "run_id": run_id.to_string() });
            Error::Conflict { message, details }
        }
        StartError::Taken { .. } | StartError::IdempotencyMismatch { .. } => {
            Error::Conflict { message, details: serde_json::Value::Null }
        }
    }
}

/// A refused value, named as in the body of a submission.
fn invalid_start(field: StartField, path: Vec<String>, message: &str) -> Error {
    match parameter(field) {
        Some(name) => {
            let field = std::iter::once(name.to_owned()).chain(path).collect::<Vec<_>>().join(".");
            Error::invalid(&field, format!("`{field}`: {message}"))
        }
        None => Error::Invalid { message: message.to_owned(), details: serde_json::Value::Null },
    }
}

/// The field of a submission that sets a field of the engine's request; `None` if no field does.
fn parameter(field: StartField) -> Option<&'static str> {
    match field {
        StartField::WorkflowType => Some("task_name"),
        StartField::Input => Some("parameters"),
        StartField::WorkflowId => Some("workflow_id"),
        StartField::TaskQueue => Some("queue"),
        StartField::Priority => Some("priority"),
        StartField::Delay => Some("delay"),
        StartField::StartAt
        | StartField::ExecutionTimeout
        | StartField::Memo
        | StartField::SearchAttributes
        | StartField::IdempotencyKey => None,
    }
}

impl From<StopError> for Error {
    fn from(error: StopError) -> Self {
        let message = error.to_string();
        match error {
            StopError::NotFound => Self::NotFound,
            StopError::StillOpen => Self::Conflict { message, details: serde_json::Value::Null },
            StopError::InvalidReason { message } => Self::invalid("reason", message),
            StopError::Store(error) => Self::store(&error),
        }
    }
}

impl From<DeleteRefusal> for Error {
    fn from(refusal: DeleteRefusal) -> Self {
        match refusal {
            DeleteRefusal::Forbidden => Self::Forbidden { message: refusal.to_string() },
            DeleteRefusal::Stop(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_of_a_submission_is_named_and_no_other() {
        let named: BTreeSet<&str> = StartField::ALL.iter().filter_map(|field| parameter(*field)).collect();
        let submitted: BTreeSet<&str> = crate::rest::submit::FIELDS.iter().copied().collect();
        assert_eq!(named, submitted);
    }

    #[test]
    fn a_refused_value_is_told_with_its_path_in_the_submission() {
        let of = |field, path: &[&str]| {
            let path = path.iter().map(|&part| part.to_owned()).collect();
            let error = StartError::Invalid { field, path, message: "no".to_owned() };
            let Error::Invalid { message, details } = of_start(error, String::new()) else {
                panic!("not invalid")
            };
            (message, details)
        };
        let (message, details) = of(StartField::Input, &["files", "1"]);
        assert_eq!(
            (message.as_str(), &details["field"]),
            ("`parameters.files.1`: no", &json!("parameters.files.1"))
        );
        let (message, details) = of(StartField::ExecutionTimeout, &[]);
        assert_eq!((message.as_str(), details), ("no", json!(null)));
    }
}
