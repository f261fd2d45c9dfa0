//! For those who watch over the process.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use crate::{
    app::App,
    fault::Fault,
    metrics::{self, ScrapeError},
    transport::Gauges,
};

#[derive(Clone)]
struct Health {
    app: Arc<App>,
    gauges: Gauges,
}

pub(super) fn router(app: Arc<App>, gauges: Gauges) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(Health { app, gauges })
}

/// Says that the process lives, whatever it can reach.
async fn alive() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "alive" }))
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    database: &'static str,
    bus: &'static str,
}

/// Says whether requests make sense. Without the bus they do: everything only comes later.
async fn ready(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let client = &health.app.client;
    let database = client.ready().await;
    if let Err(error) = &database {
        tracing::warn!(%error, "the database does not answer");
    }
    let bus = if client.bus_connected() { "connected" } else { "disconnected" };
    match database {
        Ok(()) => (StatusCode::OK, Json(Readiness { status: "ready", database: "up", bus })),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(Readiness { status: "unavailable", database: "down", bus }),
        ),
    }
}

async fn scrape(State(health): State<Health>) -> Response {
    match health.app.metrics.scrape(&health.app.client, &health.gauges).await {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(ScrapeError::Fault(Fault::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(ScrapeError::Fault(Fault::Internal) | ScrapeError::Encode) => {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
