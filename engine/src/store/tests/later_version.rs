//! What a process of the former version still does once a later one has migrated the database.

use std::sync::Arc;

use serde_json::json;

use super::{NOW, on_both};
use crate::{
    notify::{Bus, InProcessBus},
    store::{Error, Store},
    testing::{App, TestStore},
};

on_both!(a_later_version_keeps_no_worker_from_its_leases);

const LATER: &str = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";

async fn a_later_version_keeps_no_worker_from_its_leases(store: &Store) {
    store.execute(LATER).await;
    assert!(matches!(store.ready(NOW).await, Err(Error::Newer { .. })));
    store.can_renew_leases(NOW).await.unwrap();
}

#[tokio::test]
async fn a_later_version_does_not_stop_the_rescue_of_lost_workers() {
    // A file has one process, whose maintenance takes everything over when it starts.
    let bus: Arc<dyn Bus> = Arc::new(InProcessBus::new());
    let app = App::of(TestStore::postgres().await, &bus);
    let doomed = app.worker().await;
    let run = app.start("counting", json!(20)).await;
    app.until(|| async { app.types(run).await.contains(&"ActivityTaskScheduled") }).await;
    doomed.kill();
    app.database.store.execute(LATER).await;
    let _maintenance = app.maintenance_elsewhere();
    let worker = app.worker().await;
    app.until(|| async { app.types(run).await.last() == Some(&"WorkflowExecutionCompleted") }).await;
    worker.stop(&app.clock).await;
}
