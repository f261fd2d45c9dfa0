//! When to come back: `Retry-After` on every answer with status 503.

use axum::{
    http::{StatusCode, header},
    response::Response,
};

use crate::fault::RETRY_AFTER;

/// Adds the header where a route has not set it.
pub(super) async fn add(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().entry(header::RETRY_AFTER).or_insert(RETRY_AFTER.into());
    }
    response
}
