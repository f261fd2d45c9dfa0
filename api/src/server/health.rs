//! Health, readiness and metrics, for orchestrators and monitoring.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use ctutor_engine::{chain, store};
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

/// Reports that the process is alive, whatever it can reach.
async fn alive() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "alive" }))
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    database: Database,
    bus: &'static str,
}

/// What there is to say of the database. The cause itself is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Database {
    Up,
    /// It does not answer, or statements fail.
    Down,
    /// It takes no writes: it is a standby.
    ReadOnly,
    /// Its tables are older than this version.
    NotMigrated,
}

/// Reports whether requests can be served. Without the bus they can, only later than with it.
async fn ready(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let client = &health.app.client;
    let database = match timeout(health.timeout, client.ready()).await {
        Ok(Ok(())) => Database::Up,
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "not ready: the database cannot be used");
            match error {
                store::Error::ReadOnly => Database::ReadOnly,
                store::Error::NotMigrated { .. } => Database::NotMigrated,
                _ => Database::Down,
            }
        }
        Err(_) => {
            tracing::warn!("not ready: the database did not answer within {:?}", health.timeout);
            Database::Down
        }
    };
    let bus = if client.bus_connected() { "connected" } else { "disconnected" };
    let (code, status) = match database {
        Database::Up => (StatusCode::OK, "ready"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (code, Json(Readiness { status, database, bus }))
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
