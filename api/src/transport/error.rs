//! The errors of the transports, and what every error looks like on the wire.

use async_graphql::{ErrorExtensionValues, Pos, ServerError, Value};
use ctutor_engine::{near, payload::strict};

use super::guard;
use super::validation::question;

/// The stable codes that the transports put into `extensions.code`.
pub mod code {
    /// The request does not have the required structure.
    pub const BAD_REQUEST: &str = "BAD_REQUEST";
    /// An argument or variable has a value that its type does not accept.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// More requests in one batch than allowed.
    pub const BATCH_TOO_LARGE: &str = "BATCH_TOO_LARGE";
    /// The document exceeds a limit.
    pub const DOCUMENT_TOO_COMPLEX: &str = "DOCUMENT_TOO_COMPLEX";
    /// The text is not a valid GraphQL document.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document breaks a validation rule of GraphQL, or a required variable is missing.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// An internal error; the server's log has the cause.
    pub const INTERNAL: &str = "INTERNAL";
    /// The method is not allowed, at least not for this operation.
    pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
    /// No media type of the `Accept` header is supported.
    pub const NOT_ACCEPTABLE: &str = "NOT_ACCEPTABLE";
    /// The origin of the page is not allowed to open a WebSocket.
    pub const ORIGIN_NOT_ALLOWED: &str = "ORIGIN_NOT_ALLOWED";
    /// The request has the hash of a persisted query in place of a document.
    pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The request body is longer than allowed.
    pub const PAYLOAD_TOO_LARGE: &str = "PAYLOAD_TOO_LARGE";
    /// The request body did not arrive in time.
    pub const REQUEST_TIMEOUT: &str = "REQUEST_TIMEOUT";
    /// The payloads of the response exceed the allowed size.
    pub const RESPONSE_TOO_LARGE: &str = "RESPONSE_TOO_LARGE";
    /// More operations on one socket, or more event streams of one subject, than allowed.
    pub const TOO_MANY_OPERATIONS: &str = "TOO_MANY_OPERATIONS";
    /// The access token is missing or not accepted.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The service is temporarily unavailable.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// The content type of the request body is not JSON.
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
}

/// Why a request fails before anything is executed: the "request errors" of the specification.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum RequestError {
    #[error(transparent)]
    Guard(#[from] guard::Error),
    #[error("the document or its variables are not valid")]
    Invalid(Vec<ServerError>),
    #[error("the document has no operation named `{name}`{}", known_operations(.name, .known))]
    UnknownOperation { name: String, known: Vec<String> },
    #[error(
        "the document has several operations; `operationName` must name one of them: {}",
        quoted(.known).join(" or ")
    )]
    OperationNameRequired { known: Vec<String> },
    #[error(
        "a batch cannot contain subscriptions; send each alone, with the header `Accept: text/event-stream` or over a \
         WebSocket"
    )]
    SubscriptionInBatch,
}

/// How many operations of a document are told.
const OPERATIONS_MAX: usize = 10;

/// Which operations there are, in place of one that is not there.
fn known_operations(name: &str, known: &[String]) -> String {
    match near::meant(name, known.iter().map(String::as_str)) {
        Some(meant) => question("", Some(meant)),
        None if known.is_empty() => ": its only operation has no name; leave `operationName` out".to_owned(),
        None => format!(", expected one of {}", quoted(known).join(", ")),
    }
}

fn quoted(names: &[String]) -> Vec<String> {
    let shown = names.iter().take(OPERATIONS_MAX).map(|name| format!("`{}`", strict::shown(name)));
    shown.chain((names.len() > OPERATIONS_MAX).then(|| "others".to_owned())).collect()
}

impl RequestError {
    pub(super) fn into_server_errors(self) -> Vec<ServerError> {
        vec![match self {
            Self::Invalid(errors) => return errors,
            Self::Guard(error) => guard_error(&error),
            Self::SubscriptionInBatch => coded(code::BAD_REQUEST, self.to_string()),
            Self::UnknownOperation { .. } | Self::OperationNameRequired { .. } => {
                coded(code::GRAPHQL_VALIDATION_FAILED, self.to_string())
            }
        }]
    }
}

/// An error with a code.
pub(super) fn coded(code: &'static str, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set_extension(&mut error, "code", code);
    error
}

pub(super) fn set_extension(error: &mut ServerError, key: &str, value: impl Into<Value>) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set(key, value);
}

fn guard_error(error: &guard::Error) -> ServerError {
    match error {
        guard::Error::Exceeded { limit, found, allowed } => {
            let mut answer = coded(code::DOCUMENT_TOO_COMPLEX, error.to_string());
            set_extension(&mut answer, "limit", limit.as_str());
            let found = (*found).min(guard::TOLD_MAX);
            set_extension(&mut answer, "found", Value::Number(found.into()));
            set_extension(&mut answer, "allowed", Value::Number((*allowed).into()));
            answer
        }
        guard::Error::Syntax { .. } | guard::Error::UnterminatedString { .. } => {
            coded_at(code::GRAPHQL_PARSE_FAILED, error.to_string(), error.pos())
        }
        _ => coded_at(code::GRAPHQL_VALIDATION_FAILED, error.to_string(), error.pos()),
    }
}

/// An error with a code and a place in the document.
pub(super) fn coded_at(code: &'static str, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let mut error = coded(code, message);
    error.locations.extend(pos);
    error
}
