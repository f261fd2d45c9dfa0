//! Health, readiness and metrics, for orchestrators and monitoring.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use ctutor_engine::{
    chain,
    clock::{ClockOffset, ClockState},
    store,
};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    app::App,
    fault::Fault,
    metrics::{self, ScrapeError},
    thinned::Thinned,
    transport::Gauges,
};

// Whoever asks does so every few seconds.
static NOT_READY: Thinned = Thinned::new();
static NOT_SCRAPED: Thinned = Thinned::new();

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
    #[serde(flatten)]
    clock: Clock,
}

/// Whether the clock of this machine is that of the database. Time is kept by the latter, so this process is ready all
/// the same.
#[derive(Serialize)]
struct Clock {
    clock: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_seconds: Option<f64>,
}

impl From<Option<ClockOffset>> for Clock {
    fn from(offset: Option<ClockOffset>) -> Self {
        let clock = match offset.map(ClockOffset::state) {
            None => "unknown",
            Some(ClockState::Synchronized) => "synchronized",
            Some(ClockState::Ahead) => "ahead",
            Some(ClockState::Behind) => "behind",
        };
        Self { clock, clock_offset_seconds: offset.map(ClockOffset::seconds) }
    }
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
    /// Another session has locked tables and does not let them go.
    Locked,
    /// The login may not do all that it has to.
    MissingRights,
    /// Its tables are older than this version.
    NotMigrated,
    /// Its tables are newer than this version.
    Newer,
}

/// Reports whether requests can be served. Without the bus they can, only later than with it.
async fn ready(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let client = &health.app.client;
    let database = match timeout(health.timeout, client.ready()).await {
        Ok(Ok(())) => Database::Up,
        Ok(Err(error)) => {
            if let Some(left_out) = NOT_READY.take(Instant::now()) {
                let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
                tracing::warn!(
                    error = %chain(&error),
                    sqlstate = error.code(),
                    left_out,
                    "not ready: the database cannot be used{remedy}"
                );
            }
            match error {
                store::Error::ReadOnly => Database::ReadOnly,
                store::Error::TablesLocked(_) => Database::Locked,
                store::Error::MissingRights(_) => Database::MissingRights,
                store::Error::NotMigrated { .. } => Database::NotMigrated,
                store::Error::Newer { .. } => Database::Newer,
                _ => Database::Down,
            }
        }
        Err(_) => {
            if let Some(left_out) = NOT_READY.take(Instant::now()) {
                tracing::warn!(
                    left_out,
                    "not ready: the database did not answer within {:?} (`api.health_timeout`)",
                    health.timeout
                );
            }
            Database::Down
        }
    };
    let bus = if client.bus_connected() { "connected" } else { "disconnected" };
    let (code, status) = match database {
        Database::Up => (StatusCode::OK, "ready"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (code, Json(Readiness { status, database, bus, clock: client.clock().offset().into() }))
}

async fn scrape(State(health): State<Health>) -> Response {
    let scrape = health.app.metrics.scrape(&health.app.client, &health.gauges);
    let scraped = match timeout(health.timeout, scrape).await {
        Ok(scraped) => scraped,
        Err(_) => {
            if let Some(left_out) = NOT_SCRAPED.take(Instant::now()) {
                tracing::warn!(
                    left_out,
                    "no metrics: the database did not answer within {:?} (`api.health_timeout`)",
                    health.timeout
                );
            }
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
