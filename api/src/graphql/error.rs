//! Errors of fields: faults, and requests that are wrong.

use std::fmt::Display;

use async_graphql::{Error, ErrorExtensions, Value};
use ctutor_engine::store;

use crate::{fault::Fault, transport::code};

/// Codes besides those of the transports.
pub mod codes {
    /// What is asked for does not exist, or the caller may not see it.
    pub const NOT_FOUND: &str = "NOT_FOUND";
}

/// An error with a code.
pub(super) fn coded(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code))
}

/// An argument with a value that it does not take, though its type does.
pub(super) fn bad_argument(argument: &str, found: impl Into<Value>, allowed: impl Display) -> Error {
    let found = found.into();
    let message = format!("`{argument}` is {found}, allowed is {allowed}");
    coded(code::BAD_USER_INPUT, message).extend_with(|_, extensions| {
        extensions.set("argument", argument);
        extensions.set("found", found.clone());
        extensions.set("allowed", allowed.to_string());
    })
}

/// A fault of the database, logged and without its text.
pub(super) fn store_fault(error: &store::Error) -> Error {
    fault(Fault::of_store(error))
}

/// A fault that is logged already.
pub(super) fn fault(fault: Fault) -> Error {
    let code = match fault {
        Fault::Internal => code::INTERNAL,
        Fault::Unavailable => code::UNAVAILABLE,
    };
    coded(code, fault.message())
}
