//! Errors of fields: faults, and requests that are wrong.

use std::fmt::Display;

use async_graphql::{Error, ErrorExtensions, Value};
use ctutor_engine::store;

use crate::{
    fault::{Fault, RETRY_AFTER},
    transport::code,
};

/// Codes besides those of the transports.
pub mod codes {
    /// The object does not exist, or the caller may not see it.
    pub const NOT_FOUND: &str = "NOT_FOUND";
}

/// An error with a code.
pub(super) fn coded(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code))
}

/// An argument with a value that it does not take, though its type does.
pub(super) fn bad_argument(argument: &str, found: impl Into<Value>, allowed: impl Display) -> Error {
    let found = found.into();
    let message = format!("`{argument}` is {found}, expected {allowed}");
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

/// The same, of a mutation. When the connection broke in the commit, nobody knows yet whether it took effect.
pub(super) fn mutation_fault(error: &store::Error) -> Error {
    match Fault::of_store(error) {
        Fault::Internal => fault(Fault::Internal),
        Fault::Unavailable => unavailable(
            "service unavailable; it is not known whether the change was made. Retry later with the same `workflowId` \
             or `idempotencyKey`, so that it cannot happen twice",
        ),
    }
}

/// A fault that is logged already.
pub(super) fn fault(fault: Fault) -> Error {
    match fault {
        Fault::Internal => coded(code::INTERNAL, fault.message()),
        Fault::Unavailable => unavailable(fault.message()),
    }
}

fn unavailable(message: &str) -> Error {
    coded(code::UNAVAILABLE, message)
        .extend_with(|_, extensions| extensions.set("retryAfterSeconds", RETRY_AFTER))
}
