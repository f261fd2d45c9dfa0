//! Limits on the cost of a request that only the schema or the response reveal.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Data, Error, ErrorExtensions, Pos, ServerError, ValidationResult};

use crate::{graphql::error::coded, transport::code};

/// Page sizes multiplied by the cost of their items, and the bytes of payloads in a response.
#[derive(Debug, Clone, Copy)]
pub(in crate::graphql) struct Bounds {
    pub(in crate::graphql) complexity_max: usize,
    pub(in crate::graphql) response_bytes_max: usize,
}

/// The bytes left for the payloads of one response, or of one item of a subscription.
struct Budget {
    allowed: usize,
    left: AtomicUsize,
}

impl Bounds {
    /// The library has a limit of its own for this, but its error does not give the numbers.
    pub(super) fn check(&self, query: &ValidationResult) -> Result<(), Vec<ServerError>> {
        let (found, allowed) = (query.complexity, self.complexity_max);
        if found > allowed {
            return Err(vec![too_complex(found, allowed)]);
        }
        Ok(())
    }

    /// The budget of one execution, for its fields to use.
    pub(super) fn budget(&self) -> Data {
        let allowed = self.response_bytes_max;
        let mut data = Data::default();
        data.insert(Budget { allowed, left: AtomicUsize::new(allowed) });
        data
    }
}

fn too_complex(found: usize, allowed: usize) -> ServerError {
    let message = format!(
        "the query has a complexity of {found}, at most {allowed} is allowed; request smaller pages or fewer fields"
    );
    let error = coded(code::DOCUMENT_TOO_COMPLEX, message).extend_with(|_, extensions| {
        extensions.set("limit", "COMPLEXITY");
        extensions.set("found", found);
        extensions.set("allowed", allowed);
    });
    let mut error = error.into_server_error(Pos::default());
    // The error belongs to no single place of the document.
    error.locations.clear();
    error
}

/// Deducts the size of a payload from what the response may still hold, before the payload becomes part of it.
///
/// # Errors
/// When less than that is left.
pub(in crate::graphql) fn charge(ctx: &Context<'_>, bytes: usize) -> Result<(), Error> {
    let budget = ctx.data_unchecked::<Budget>();
    let take = |left: usize| left.checked_sub(bytes);
    if budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        return Ok(());
    }
    let allowed = budget.allowed;
    let message =
        format!("the payloads of the response exceed {allowed} bytes; request smaller pages or fewer fields");
    Err(coded(code::RESPONSE_TOO_LARGE, message).extend_with(|_, extensions| {
        extensions.set("limit", "RESPONSE_BYTES");
        extensions.set("allowed", allowed);
    }))
}
