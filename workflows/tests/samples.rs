//! The sample workflows on a real engine with an embedded database and a clock that skips.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::sync::Arc;

use ctutor_engine::{
    Engine,
    client::{Caller, Limits, StartWorkflow, Visibility, WatchItem, WorkflowExecution, WorkflowStatus},
    clock::{ManualClock, Timestamp},
    history::EventType,
    ids::Namespace,
    notify::InProcessBus,
    store::{DatabaseOptions, Store},
    worker::WorkerOptions,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

struct App {
    engine: Engine,
    clock: ManualClock,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl App {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::connect(&DatabaseOptions::new(url)).await.unwrap();
        let clock = ManualClock::new(Timestamp(1_700_000_000_000));
        let engine = Engine::assemble(
            store,
            Arc::new(InProcessBus::new()),
            Arc::new(clock.clone()),
            Namespace::trusted("default"),
            Limits::default(),
        );
        engine.migrate().await.unwrap();
        let stop = CancellationToken::new();
        let options = ctutor_workflows::Options::below(folder.path());
        let registry = ctutor_workflows::registry(&options).await.unwrap();
        let service = engine.worker(registry, WorkerOptions::default());
        let mut handle = service.handle();
        let shutdown = stop.clone();
        let worker = tokio::spawn(async move { service.run(shutdown).await.unwrap() });
        handle.ready().await;
        Self { engine, clock, stop, worker, _folder: folder }
    }

    fn caller() -> Caller {
        Caller { subject: "root".into(), visibility: Visibility::All }
    }

    /// Runs a workflow to its end, moving the clock whenever nothing else moves.
    async fn run(&self, workflow_type: &str, input: Value) -> (WorkflowExecution, Vec<WatchItem>) {
        let client = self.engine.client();
        let start = StartWorkflow::new(workflow_type, input);
        let started = client.start_workflow(&Self::caller(), start).await.unwrap();
        let watch = client.watch(&Self::caller(), started.execution.run_id, None, true);
        let items: Vec<_> = self.clock.drive(watch.map(Result::unwrap).collect()).await.unwrap();
        let Some(WatchItem::Ended(execution)) = items.last() else { panic!("no end in {items:?}") };
        ((**execution).clone(), items)
    }

    async fn stop(self) {
        self.stop.cancel();
        self.worker.await.unwrap();
    }
}

fn result(execution: &WorkflowExecution) -> Value {
    execution.result.as_ref().unwrap().to_value().unwrap()["result"].clone()
}

#[tokio::test]
async fn data_is_processed_in_chunks() {
    let app = App::new().await;
    let input = json!({"data_size": 50, "chunk_size": 10, "operation": "sum"});
    let (execution, _) = app.run("example_data_processing", input).await;
    let result = result(&execution);
    assert_eq!(result["total_items"], 50);
    assert_eq!(result["chunks_processed"], 5);
    assert_eq!(result["final_result"], 1275);
    let chunks: Vec<_> = result["chunk_results"].as_array().unwrap().iter().map(|c| &c["result"]).collect();
    assert_eq!(chunks, [55, 155, 255, 355, 455]);
    let history = app.engine.client().history(execution.run_id, 0, 500, &[]).await.unwrap();
    let ids: Vec<_> = history.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=17).collect::<Vec<_>>());
    let completed = history.iter().filter(|event| event.event_type() == EventType::ActivityTaskCompleted);
    assert_eq!(completed.count(), 5);
    app.stop().await;
}

#[tokio::test]
async fn the_other_operations_combine_as_documented() {
    let app = App::new().await;
    let cases = [
        (json!({"data_size": 30, "operation": "count"}), json!(30), 3),
        (json!({"data_size": 20, "chunk_size": 7, "operation": "max"}), json!(20), 3),
        (json!({"data": [3, 1, 2], "operation": "max"}), json!(3), 1),
        (json!({"data": [], "operation": "max"}), Value::Null, 0),
    ];
    for (input, expected, chunks) in cases {
        let (execution, _) = app.run("example_data_processing", input.clone()).await;
        assert_eq!(result(&execution)["final_result"], expected, "{input}");
        assert_eq!(result(&execution)["chunks_processed"], chunks, "{input}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_long_task_reports_progress_that_never_falls() {
    let app = App::new().await;
    let (execution, items) =
        app.run("example_long_running", json!({"duration": "5", "message": "hello"})).await;
    assert_eq!(execution.status, WorkflowStatus::Completed);
    assert_eq!(result(&execution)["message"], "hello");
    assert_eq!(result(&execution)["duration_requested"], 5);
    let fractions: Vec<f64> = items
        .iter()
        .filter_map(|item| match item {
            WatchItem::Progress(activity) => activity.heartbeat.as_ref()?.fraction(),
            _ => None,
        })
        .collect();
    assert!(fractions.len() >= 4, "{fractions:?}");
    assert!(fractions.is_sorted(), "{fractions:?}");
    app.stop().await;
}

#[tokio::test]
async fn failure_is_visible_as_failure() {
    let app = App::new().await;
    let input = json!({"should_fail": true, "retry_count": 1, "fail_at_step": 1});
    let (execution, _) = app.run("example_error_handling", input).await;
    assert_eq!(execution.status, WorkflowStatus::Completed);
    assert_eq!(result(&execution)["attempts"], 2);
    let history = app.engine.client().history(execution.run_id, 0, 500, &[]).await.unwrap();
    let types: Vec<_> = history.iter().map(|event| event.event_type().as_str()).collect();
    let expected = ["WorkflowExecutionStarted", "TimerStarted", "TimerFired", "WorkflowExecutionCompleted"];
    assert_eq!(types, expected);

    let input = json!({"should_fail": "true", "retry_count": 1, "fail_at_step": 3});
    let (execution, _) = app.run("example_error_handling", input).await;
    assert_eq!(execution.status, WorkflowStatus::Failed);
    let failure = execution.failure.unwrap();
    assert_eq!(failure.message, "Simulated failure at step 2");
    assert_eq!(failure.details.unwrap().to_value().unwrap(), json!({"attempts": 2}));
    app.stop().await;
}
