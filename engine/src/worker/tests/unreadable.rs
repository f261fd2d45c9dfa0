//! Activities of which something cannot be read.

use serde_json::json;

use crate::{
    client::WorkflowStatus,
    ids::RunId,
    registry::Registry,
    testing::{App, LogLines, workflows::Counting},
    worker::WorkerOptions,
};

const SCHEDULED: &str = "event_type = 'ActivityTaskScheduled'";

/// Two runs whose activities wait for a worker; the first is for the test to damage.
async fn waiting(app: &App) -> [RunId; 2] {
    let no_activities = Registry::new().workflow::<Counting>();
    let worker = app.worker_with(no_activities, WorkerOptions::default()).await;
    let runs = [app.start("counting", json!(2)).await, app.start("counting", json!(2)).await];
    for run in runs {
        app.until(|| async { app.types(run).await.contains(&"ActivityTaskScheduled") }).await;
    }
    worker.stop(&app.clock).await;
    runs
}

fn event_of(run: RunId) -> String {
    format!("run_id = x'{}' AND {SCHEDULED}", run.0.simple())
}

/// The reason of the first line that says so of an activity of the run.
async fn reason(app: &App, lines: &LogLines, run: RunId) -> String {
    let told = || {
        let lines = lines.of_run(run).into_iter();
        lines.into_iter().find(|line| line["message"] == "an activity cannot be read; reading is retried")
    };
    app.until(|| async { told().is_some() }).await;
    let line = told().unwrap();
    assert_eq!(
        (&line["level"], &line["activity.type"]),
        (&json!("ERROR"), &json!("count_seconds")),
        "{line}"
    );
    line["reason"].as_str().unwrap().to_owned()
}

async fn last_failure(app: &App, run: RunId) -> String {
    let activities = app.engine.client().activities(run).await.unwrap();
    activities[0].last_failure.as_ref().unwrap().message.clone()
}

#[tokio::test]
async fn an_activity_that_cannot_be_read_holds_up_no_other() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let [damaged, other] = waiting(&app).await;
    let store = &app.database.store;
    store.execute("CREATE TABLE kept AS SELECT * FROM history_event").await;
    // As a newer version may write it.
    store.execute(&format!("UPDATE history_event SET attributes = '{{}}' WHERE {}", event_of(damaged))).await;
    let worker = app.worker().await;
    assert_eq!(app.end(other).await.status, WorkflowStatus::Completed);
    let reason = reason(&app, &lines, damaged).await;
    assert!(reason.contains("`attributes`") && reason.contains("cannot be read"), "{reason}");
    store.execute("DELETE FROM history_event").await;
    store.execute("INSERT INTO history_event SELECT * FROM kept").await;
    assert_eq!(app.end(damaged).await.status, WorkflowStatus::Completed);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn an_activity_whose_event_is_not_there_is_given_back_with_the_reason() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let [damaged, other] = waiting(&app).await;
    let store = &app.database.store;
    store
        .execute(&format!("CREATE TABLE away AS SELECT * FROM history_event WHERE {}", event_of(damaged)))
        .await;
    store.execute(&format!("DELETE FROM history_event WHERE {}", event_of(damaged))).await;
    let worker = app.worker().await;
    assert_eq!(app.end(other).await.status, WorkflowStatus::Completed);
    let reason = reason(&app, &lines, damaged).await;
    assert!(reason.contains("was not found") && reason.contains("former primary"), "{reason}");
    worker.stop(&app.clock).await;
    store.execute("INSERT INTO history_event SELECT * FROM away").await;
    assert_eq!(last_failure(&app, damaged).await, reason);
    let worker = app.worker().await;
    assert_eq!(app.end(damaged).await.status, WorkflowStatus::Completed);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_lost_activity_that_cannot_be_read_holds_up_no_other() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let lost = app.worker().await;
    let [damaged, other] = [app.start("counting", json!(20)).await, app.start("counting", json!(20)).await];
    for run in [damaged, other] {
        app.until(|| async { app.types(run).await.contains(&"ActivityTaskScheduled") }).await;
    }
    lost.kill();
    let store = &app.database.store;
    store.execute(&format!("UPDATE history_event SET attributes = '{{}}' WHERE {}", event_of(damaged))).await;
    let _maintenance = app.maintenance();
    let worker = app.worker().await;
    assert_eq!(app.end(other).await.status, WorkflowStatus::Completed);
    let told = lines.of_run(damaged).into_iter();
    let told =
        told.filter(|line| line["message"] == "an activity cannot be read; reading is retried").count();
    assert_eq!(told, 1, "it is told once");
    worker.stop(&app.clock).await;
}
