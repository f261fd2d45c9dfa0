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

/// An argument with more of something than is allowed.
pub(super) fn too_many(argument: &str, found: usize, allowed: usize, (one, many): (&str, &str)) -> Error {
    let noun = |count: usize| if count == 1 { one } else { many };
    let verb = if allowed == 1 { "is" } else { "are" };
    let message = format!("`{argument}` has {found} {}, at most {allowed} {verb} allowed", noun(found));
    coded(code::BAD_USER_INPUT, message).extend_with(|_, extensions| {
        extensions.set("argument", argument);
        extensions.set("found", found);
        extensions.set("allowed", format!("at most {allowed} {}", noun(allowed)));
    })
}

/// A fault of the database, logged and without its text.
pub(super) fn store_fault(error: &store::Error) -> Error {
    fault(Fault::of_store(error))
}

/// What a mutation does, which decides how it is safely repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// Starts a run.
    Start,
    /// Cancels, terminates or deletes a run, which cannot happen to it twice.
    Stop,
}

/// The same, of a mutation. When the connection broke in the commit, nobody knows yet whether it took effect.
pub(super) fn mutation_fault(mutation: Mutation, error: &store::Error) -> Error {
    match (Fault::of_store(error), mutation) {
        (Fault::Internal, _) => fault(Fault::Internal),
        (Fault::Unavailable, _) if error.changed_nothing() => {
            unavailable("service unavailable, nothing was changed; retry later")
        }
        (Fault::Unavailable, Mutation::Start) => unavailable(
            "service unavailable; it is not known whether the change was made. Retry later with the same `workflowId` \
             or `idempotencyKey`, so that it cannot happen twice",
        ),
        (Fault::Unavailable, Mutation::Stop) => unavailable(
            "service unavailable; it is not known whether the change was made. Retry later: it cannot happen to a run twice",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_says_what_is_known_and_how_to_repeat_it() {
        let said = |mutation, error| {
            let error = mutation_fault(mutation, &error).into_server_error(async_graphql::Pos::default());
            assert_eq!(error.extensions.unwrap().get("code"), Some(&Value::from(code::UNAVAILABLE)));
            error.message
        };
        for mutation in [Mutation::Start, Mutation::Stop] {
            for refused in [
                store::Error::Overloaded { waiting: 1 },
                store::Error::ReadOnly,
                store::Error::NotMigrated { pending: vec!["m1".to_owned()] },
            ] {
                let message = said(mutation, refused);
                assert!(message.contains("nothing was changed"), "{message}");
            }
            let message = said(mutation, store::Error::Closed);
            assert!(message.contains("not known whether"), "{message}");
            assert_eq!(message.contains("workflowId"), mutation == Mutation::Start, "{message}");
        }
    }
}
