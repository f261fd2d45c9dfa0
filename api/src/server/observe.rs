//! Requests counted and logged: route, status and time, never what was sent.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use crate::app::App;

/// Stands for all paths that are none of ours.
const NO_ROUTE: &str = "none";

pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let method = known_method(request.method());
    let began = Instant::now();
    let span = tracing::info_span!("request", method, route);
    let response = next.run(request).instrument(span.clone()).await;
    let (time, status) = (began.elapsed(), response.status().as_u16());
    app.metrics.count_request(method, route, status, time);
    let duration_ms = time.as_secs_f64() * 1_000.0;
    tracing::debug!(parent: &span, status, duration_ms, "{method} {route} answered {status} in {duration_ms:.1} ms");
    response
}

/// Clients can make up methods, and each would be a label of its own.
fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}
