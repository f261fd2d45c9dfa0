//! A response on its way out: codes set, internal text taken off, shaped by the specification.

use std::any::Any;

use async_graphql::{Response, ServerError, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::error::{RequestError, code, coded, set_extension};
use crate::exact::Exact;

/// At most so many errors stand in one response: a document can have thousands, each with its message.
pub(super) const ERRORS_MAX: usize = 25;

/// A response that can be serialised.
///
/// It is written straight from the response: a detour over a JSON value could reorder the fields.
#[derive(Debug)]
pub(super) struct Reply {
    response: Response,
    is_request_error: bool,
}

impl Reply {
    /// Takes over the response of the executor.
    ///
    /// The executor does not tell request errors from failures of the execution. But the latter have a path,
    /// for it is set on all errors of resolvers, and the former stand at no field and leave no data.
    pub(super) fn new(mut response: Response) -> Self {
        let is_request_error = response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        response.errors.truncate(ERRORS_MAX);
        for error in &mut response.errors {
            finish_error(error, is_request_error);
        }
        Self { response, is_request_error }
    }

    /// The response to a request that is not executed.
    pub(super) fn refused(error: RequestError) -> Self {
        let mut errors = error.into_server_errors();
        errors.truncate(ERRORS_MAX);
        Self { response: Response::from_errors(errors), is_request_error: true }
    }

    /// One error, nothing executed.
    pub(super) fn request_error(error: ServerError) -> Self {
        Self { response: Response::from_errors(vec![error]), is_request_error: true }
    }

    /// The response after a resolver has panicked. The panic message is only logged.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = text.unwrap_or("unknown"), "a resolver panicked");
        let error = coded(code::INTERNAL, INTERNAL_MESSAGE);
        Self { response: Response::from_errors(vec![error]), is_request_error: false }
    }

    /// Whether nothing was executed, so that the response has no `data` at all.
    pub(super) fn is_request_error(&self) -> bool {
        self.is_request_error
    }

    /// Whether there are errors and no data.
    pub(super) fn is_failure(&self) -> bool {
        self.response.data == Value::Null && !self.response.errors.is_empty()
    }

    /// Says that what looked like a failing event was the failure to subscribe.
    pub(super) fn into_request_error(self) -> Self {
        Self { is_request_error: true, ..self }
    }

    /// Whether a part of it may succeed a little later.
    pub(super) fn is_unavailable(&self) -> bool {
        let unavailable = Value::from(code::UNAVAILABLE);
        self.response.errors.iter().any(|error| {
            error.extensions.as_ref().and_then(|extensions| extensions.get("code")) == Some(&unavailable)
        })
    }

    pub(super) fn errors(&self) -> &[ServerError] {
        &self.response.errors
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Headers that resolvers have asked for.
    pub(super) fn http_headers(&self) -> &axum::http::HeaderMap {
        &self.response.http_headers
    }
}

/// Writes replies, alone, in a list or in a message.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("GraphQL values have text keys, and JSON writes every number of theirs")
}

const INTERNAL_MESSAGE: &str = "internal error";

/// Gives every error a code.
///
/// What resolvers mean to say has one already. An error without a code that was made from a Rust error, as `?`
/// does, is a fault whose text is internal; one without a source is a value that its type did not take.
fn finish_error(error: &mut ServerError, is_request_error: bool) {
    if error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
        return;
    }
    if is_request_error {
        set_extension(error, "code", code::GRAPHQL_VALIDATION_FAILED);
    } else if error.source.is_some() {
        tracing::error!(error = %error.message, path = ?error.path, "a resolver failed");
        error.message = INTERNAL_MESSAGE.to_owned();
        error.extensions = None;
        set_extension(error, "code", code::INTERNAL);
    } else {
        set_extension(error, "code", code::BAD_USER_INPUT);
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.response.errors.is_empty() {
            map.serialize_entry("errors", &self.response.errors)?;
        }
        if !self.is_request_error {
            map.serialize_entry("data", &Exact(&self.response.data))?;
        }
        if !self.response.extensions.is_empty() {
            map.serialize_entry("extensions", &self.response.extensions)?;
        }
        map.end()
    }
}
