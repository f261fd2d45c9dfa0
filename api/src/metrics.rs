//! Numbers for monitoring, in the text form of OpenMetrics.

use std::{fmt, time::Duration};

use ctutor_engine::client::{Client, TaskQueueInfo};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{fault::Fault, transport::Gauges};

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of request times, in seconds.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// What is counted as it happens. What can be looked up is looked up at each scrape.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
    starts: Family<StartLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StartLabels {
    workflow_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    task_queue: String,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("ctutor");
        let requests = Family::default();
        let request_seconds = Histogram::new(SECONDS);
        let starts = Family::default();
        registry.register("http_requests", "Requests over HTTP that were answered", requests.clone());
        registry.register_with_unit(
            "http_request",
            "Time until the head of the answer",
            Unit::Seconds,
            request_seconds.clone(),
        );
        registry.register("workflow_starts", "Runs that were started through this process", starts.clone());
        Self { registry, requests, request_seconds, starts }
    }

    /// Counts an answered request under its route, which is a pattern: paths would be without number.
    pub(crate) fn count_request(&self, method: &str, route: &str, status: u16, time: Duration) {
        let labels = RequestLabels { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.observe(time.as_secs_f64());
    }

    /// Counts a run that was started.
    pub(crate) fn count_start(&self, workflow_type: &str) {
        self.starts.get_or_create(&StartLabels { workflow_type: workflow_type.to_owned() }).inc();
    }

    /// Everything, as of now.
    pub(crate) async fn scrape(&self, client: &Client, gauges: &Gauges) -> Result<String, ScrapeError> {
        let mut sampled = Registry::with_prefix("ctutor");
        sample_process(&mut sampled, gauges, client).await;
        let queues =
            client.task_queues().await.map_err(|error| ScrapeError::Fault(Fault::of_store(&error)))?;
        sample_queues(&mut sampled, &queues);
        let mut answer = String::new();
        text::encode_registry(&mut answer, &self.registry)?;
        text::encode_registry(&mut answer, &sampled)?;
        text::encode_eof(&mut answer)?;
        Ok(answer)
    }
}

/// Why the metrics could not be written.
#[derive(Debug)]
pub(crate) enum ScrapeError {
    Fault(Fault),
    Encode,
}

impl From<fmt::Error> for ScrapeError {
    fn from(_: fmt::Error) -> Self {
        Self::Encode
    }
}

async fn sample_process(registry: &mut Registry, gauges: &Gauges, client: &Client) {
    set(registry, "websockets", "Open WebSockets", gauges.sockets());
    set(registry, "websocket_operations", "Operations that run over WebSockets", gauges.operations());
    set(registry, "event_streams", "Open event streams", gauges.event_streams());
    set(registry, "bus_connected", "1 when the bus is connected", usize::from(client.bus_connected()));
    if let Some(bytes) = resident_bytes().await {
        set(registry, "process_resident_memory_bytes", "Memory of the process", bytes);
    }
}

fn sample_queues(registry: &mut Registry, queues: &[TaskQueueInfo]) {
    let family = |registry: &mut Registry, name: &str, help: &str, value: fn(&TaskQueueInfo) -> i64| {
        let family = Family::<QueueLabels, Gauge>::default();
        for queue in queues {
            let labels = QueueLabels { task_queue: queue.name.as_str().to_owned() };
            family.get_or_create(&labels).set(value(queue));
        }
        registry.register(name, help, family);
    };
    family(registry, "task_queue_backlog", "Tasks that are due and wait for a worker", |queue| queue.backlog);
    family(registry, "task_queue_running", "Tasks that a worker has", |queue| queue.running);
    family(registry, "task_queue_workers", "Live workers of the queue", |queue| queue.workers);
}

fn set(registry: &mut Registry, name: &str, help: &str, value: usize) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

/// Memory of this process, where the system tells it as Linux does.
async fn resident_bytes() -> Option<usize> {
    let status = tokio::fs::read_to_string("/proc/self/status").await.ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
