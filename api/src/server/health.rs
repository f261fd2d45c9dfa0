//! For those who watch over the process.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use ctutor_engine::chain;
use serde::Serialize;
use tokio::time::timeout;

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
    /// How long the database may take to answer. One that is frozen would hold everybody who asks.
    timeout: Duration,
}

pub(super) fn router(app: Arc<App>, gauges: Gauges, timeout: Duration) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(Health { app, gauges, timeout })
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
    let is_ready = match timeout(health.timeout, client.ready()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "the database does not answer");
            false
        }
        Err(_) => {
            tracing::warn!("the database did not answer within {:?}", health.timeout);
            false
        }
    };
    let bus = if client.bus_connected() { "connected" } else { "disconnected" };
    if is_ready {
        (StatusCode::OK, Json(Readiness { status: "ready", database: "up", bus }))
    } else {
        let readiness = Readiness { status: "unavailable", database: "down", bus };
        (StatusCode::SERVICE_UNAVAILABLE, Json(readiness))
    }
}

async fn scrape(State(health): State<Health>) -> Response {
    let scrape = health.app.metrics.scrape(&health.app.client, &health.gauges);
    let scraped = match timeout(health.timeout, scrape).await {
        Ok(scraped) => scraped,
        Err(_) => {
            tracing::warn!("the database did not answer within {:?}", health.timeout);
            Err(ScrapeError::Fault(Fault::Unavailable))
        }
    };
    match scraped {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(ScrapeError::Fault(Fault::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(ScrapeError::Fault(Fault::Internal) | ScrapeError::Encode) => {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
