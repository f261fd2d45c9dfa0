use axum::{Json, extract::State};
use ctutor_engine::{client::WorkerInfo, clock::ClockOffset};
use serde::Serialize;

use super::{Twin, caller::Caller, error::Error, query::NoParameters};

/// Live workers, and whether the bus is connected.
#[derive(Debug, Serialize)]
pub(super) struct Workers {
    workers: Vec<Worker>,
    backend: &'static str,
    status: &'static str,
    broker_status: &'static str,
}

#[derive(Debug, Serialize)]
struct Worker {
    worker_id: String,
    identity: String,
    build_id: String,
    status: &'static str,
    queues: Vec<String>,
    task_types: Vec<String>,
    activity_types: Vec<String>,
    slots: u32,
    slots_used: u32,
    started_at: String,
    last_seen_at: String,
    clock_offset_seconds: Option<f64>,
}

pub(super) async fn status(
    State(twin): State<Twin>,
    _: Caller,
    _: NoParameters,
) -> Result<Json<Workers>, Error> {
    let client = &twin.app.client;
    let workers = client.workers().await.map_err(|error| Error::store(&error))?;
    Ok(Json(Workers {
        status: if workers.is_empty() { "no_workers" } else { "healthy" },
        workers: workers.iter().map(Worker::from).collect(),
        backend: "ctutor",
        broker_status: if client.bus_connected() { "connected" } else { "disconnected" },
    }))
}

impl From<&WorkerInfo> for Worker {
    fn from(info: &WorkerInfo) -> Self {
        Self {
            worker_id: info.worker_id.to_string(),
            identity: info.identity.clone(),
            build_id: info.build_id.clone(),
            status: if info.draining { "draining" } else { "online" },
            queues: info.task_queues.iter().map(ToString::to_string).collect(),
            task_types: info.workflow_types.iter().map(ToString::to_string).collect(),
            activity_types: info.activity_types.iter().map(ToString::to_string).collect(),
            slots: info.slots,
            slots_used: info.slots_used,
            started_at: info.started_at.to_string(),
            last_seen_at: info.last_seen_at.to_string(),
            clock_offset_seconds: info.clock_offset().map(ClockOffset::seconds),
        }
    }
}
