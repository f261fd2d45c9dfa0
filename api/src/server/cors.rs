//! Calls by pages of other origins. Tokens travel in a header and never in cookies, so credentials are not allowed.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::Origin;

/// Headers that clients of GraphQL and REST, tracing and event streams add to their requests.
const HEADERS: &[&str] = &[
    "accept",
    "apollo-require-preflight",
    "apollographql-client-name",
    "apollographql-client-version",
    "authorization",
    "b3",
    "baggage",
    "cache-control",
    "content-type",
    "graphql-client-name",
    "graphql-client-version",
    "graphql-preflight",
    "graphql-require-preflight",
    "idempotency-key",
    "last-event-id",
    "pragma",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-apollo-operation-id",
    "x-apollo-operation-name",
    "x-client-name",
    "x-client-version",
    "x-correlation-id",
    "x-csrf-token",
    "x-graphql-client-name",
    "x-graphql-client-version",
    "x-request-id",
    "x-requested-with",
];

/// Which pages of other origins browsers let call, and how.
#[derive(Debug, Clone)]
pub struct Cors {
    /// The origins of the pages; none by default.
    pub origins: Vec<Origin>,
    /// Request headers besides the usual ones.
    pub headers: CorsHeaders,
    /// How long browsers may remember the permission: 1 h.
    pub max_age: Duration,
}

/// Request headers that pages may send besides the usual ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsHeaders {
    /// These.
    Listed(Vec<HeaderName>),
    /// All that the browser asks for.
    Any,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            headers: CorsHeaders::Listed(Vec::new()),
            max_age: Duration::from_secs(3_600),
        }
    }
}

impl Cors {
    /// The layer that answers browsers; without any origin there is none, and they keep other pages out.
    pub(super) fn layer(&self) -> Option<CorsLayer> {
        if self.origins.is_empty() {
            return None;
        }
        let layer = CorsLayer::new()
            .allow_origin(self.allow_origin())
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            .allow_headers(self.allow_headers())
            .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW])
            .max_age(self.max_age);
        Some(layer)
    }

    fn allow_origin(&self) -> AllowOrigin {
        if self.origins.iter().any(Origin::is_any) {
            return AllowOrigin::any();
        }
        let origins = self.origins.clone();
        AllowOrigin::predicate(move |origin: &HeaderValue, _| {
            origin.to_str().is_ok_and(|origin| origins.iter().any(|allowed| allowed.allows(origin)))
        })
    }

    fn allow_headers(&self) -> AllowHeaders {
        match &self.headers {
            CorsHeaders::Any => AllowHeaders::mirror_request(),
            CorsHeaders::Listed(more) => {
                let usual = HEADERS.iter().map(|name| HeaderName::from_static(name));
                AllowHeaders::list(usual.chain(more.iter().cloned()))
            }
        }
    }
}
