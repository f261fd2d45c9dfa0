//! What a request may cost, as far as only the schema or the answer tell.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Data, Error, ErrorExtensions, Pos, ServerError, ValidationResult};

use crate::{graphql::error::coded, transport::code};

/// Pages times what is asked of their items, and the bytes of payloads in an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::graphql) struct Bounds {
    pub(in crate::graphql) complexity_max: usize,
    pub(in crate::graphql) response_bytes_max: usize,
}

/// What is left for the payloads of one answer, or of one item of a subscription.
struct Budget {
    allowed: usize,
    left: AtomicUsize,
}

impl Bounds {
    /// The library has a bound of its own for this, and does not say how far a query is from it.
    pub(super) fn check(&self, query: &ValidationResult) -> Result<(), Vec<ServerError>> {
        let (found, allowed) = (query.complexity, self.complexity_max);
        if found > allowed {
            return Err(vec![too_complex(found, allowed)]);
        }
        Ok(())
    }

    /// What one execution may have, for its fields to find.
    pub(super) fn budget(&self) -> Data {
        let allowed = self.response_bytes_max;
        let mut data = Data::default();
        data.insert(Budget { allowed, left: AtomicUsize::new(allowed) });
        data
    }
}

fn too_complex(found: usize, allowed: usize) -> ServerError {
    let message = format!("the query costs {found}, at most {allowed} is allowed; ask for smaller pages");
    let error = coded(code::DOCUMENT_TOO_COMPLEX, message).extend_with(|_, extensions| {
        extensions.set("limit", "COMPLEXITY");
        extensions.set("found", found);
        extensions.set("allowed", allowed);
    });
    let mut error = error.into_server_error(Pos::default());
    // It stands at no place.
    error.locations.clear();
    error
}

/// Takes the size of a payload from what the answer may have, before the payload is made part of it.
///
/// # Errors
/// When there is not so much left.
pub(in crate::graphql) fn charge(ctx: &Context<'_>, bytes: usize) -> Result<(), Error> {
    let budget = ctx.data_unchecked::<Budget>();
    let take = |left: usize| left.checked_sub(bytes);
    if budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        return Ok(());
    }
    let allowed = budget.allowed;
    let message =
        format!("the payloads of the answer have more than {allowed} bytes; ask for less at a time");
    Err(coded(code::RESPONSE_TOO_LARGE, message).extend_with(|_, extensions| {
        extensions.set("limit", "RESPONSE_BYTES");
        extensions.set("allowed", allowed);
    }))
}
