//! Runs that are read from a server that does not have all that was committed.

use std::sync::Arc;

use serde_json::json;

use crate::{
    client::{WorkflowStatus, WorkflowTarget},
    clock::Timestamp,
    notify::InProcessBus,
    store::ForgetRequests,
    testing::{App, LogLines, Pair, TestStore, caller},
};

const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = 'postgres' AND pid <> pg_backend_pid()";

/// Connections of a store for writing: the writer, the renewals, and a replacement.
const WRITE_SESSIONS_MAX: u32 = 3;

#[tokio::test]
async fn a_message_that_a_former_primary_does_not_show_is_not_lost() {
    let lines = LogLines::catch();
    let pair = Pair::start().await;
    let app = App::of(TestStore::of(pair.store.clone()), &(Arc::new(InProcessBus::new()) as _));
    let worker = app.worker().await;
    let run = app.start("days", json!(30)).await;
    app.until(|| async { app.types(run).await.contains(&"TimerStarted") }).await;
    worker.stop(&app.clock).await;

    // The former primary still takes writes, so that no session to it is refused.
    let pair = pair.fail_over().await;
    pair.former.sql("postgres", TERMINATE).unwrap();
    // The sessions that write lead to the new primary, and those that read, opened later, to the former one. Each write
    // replaces at least one that the fail-over has broken.
    for _ in 0..WRITE_SESSIONS_MAX {
        pair.store.write(ForgetRequests { created_before: Timestamp(0) }).await.unwrap();
    }
    pair.relay.lead_to(&pair.former);
    let found = pair.read_on_every_session(run).await;
    assert!(found.iter().all(|found| matches!(found, Ok(true))), "{found:?}");
    let target = WorkflowTarget::Run(run);
    app.engine.client().cancel_workflow(&caller(), &target, None).await.unwrap();
    assert_eq!(app.describe(run).await.status, WorkflowStatus::Running, "read from the former primary");
    pair.relay.lead_to(&pair.next);

    let worker = app.worker().await;
    let status = "SELECT status FROM workflow_execution";
    app.until(|| async { pair.next.sql("postgres", status).unwrap().trim() == "CANCELED" }).await;
    assert_eq!(app.describe(run).await.status, WorkflowStatus::Canceled);
    worker.stop(&app.clock).await;
    assert_eq!(lines.containing("claimed runs were read without their last events or messages").len(), 1);
}

#[tokio::test]
async fn a_run_of_which_a_part_is_missing_is_given_back() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("days", json!(1)).await;
    app.until(|| async { app.types(run).await.contains(&"TimerStarted") }).await;
    worker.stop(&app.clock).await;
    let store = &app.database.store;
    store.execute("CREATE TABLE away AS SELECT * FROM history_event WHERE event_id = 2").await;
    store.execute("DELETE FROM history_event WHERE event_id = 2").await;
    app.clock.advance(std::time::Duration::from_secs(86_400));
    let worker = app.worker().await;
    let blocked = || async { app.engine.client().blocked_workflow_task(run).await.unwrap() };
    app.until(|| async { blocked().await.is_some() }).await;
    let failure = blocked().await.unwrap().failure;
    assert!(
        failure.message.contains("its last event is 1") && failure.message.contains("event 2"),
        "{failure:?}"
    );
    store.execute("INSERT INTO history_event SELECT * FROM away").await;
    assert_eq!(app.end(run).await.status, WorkflowStatus::Completed);
    worker.stop(&app.clock).await;
}
