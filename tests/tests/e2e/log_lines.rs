//! What an operator reads at the default level when something fails.

use ctutor_tests::wait;
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{Run, ended, start},
};

const QUEUE: &str = "queue-without-a-worker";

/// A run that fails, one that succeeds and one that no worker can take, until all that is worth a line has happened.
async fn what_happens(deployment: &Deployment) -> (Run, Run, String) {
    let root = deployment.root();
    let begin = |input: Value| {
        let root = &root;
        async move { start(root, input).await.unwrap() }
    };
    let failing = begin(json!({
        "type": "example_error_handling", "workflowId": "failing",
        "input": { "should_fail": true, "retry_count": 0, "fail_at_step": 1 },
    }))
    .await;
    let good = begin(json!({ "type": "example_error_handling", "workflowId": "good" })).await;
    begin(json!({ "type": "example_error_handling", "taskQueue": QUEUE })).await;
    ended(&root, &failing).await.unwrap();
    ended(&root, &good).await.unwrap();
    let log = wait::until_async("the warning about the queue", async || {
        let log = deployment.outputs();
        Ok(log.contains("no worker serves the queue").then_some(log))
    });
    (failing, good, log.await.unwrap())
}

#[tokio::test]
async fn failures_are_lines_of_json_with_fields() {
    let deployment = Deployment::sqlite_with(&[("CTUTOR_LOG_FORMAT", "json")]).await.unwrap();
    let (failing, good, log) = what_happens(&deployment).await;
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |run: &Run| -> Vec<&Value> {
        let run_id = &run.accepted["runId"];
        lines.iter().filter(|line| line["run.id"] == *run_id).collect()
    };
    assert_eq!(of(&good), [&Value::Null; 0], "a success is not worth a line");
    let [line] = of(&failing)[..] else { panic!("{log}") };
    assert_eq!(
        line["message"],
        "run of workflow `failing` failed: SimulatedFailure: Simulated failure at step 1"
    );
    for (field, value) in [
        ("level", "WARN"),
        ("namespace", "default"),
        ("workflow.id", "failing"),
        ("workflow.type", "example_error_handling"),
        ("task_queue", "computor-tasks"),
        ("failure.type", "SimulatedFailure"),
    ] {
        assert_eq!(line[field], value, "{line:#}");
    }
    let unserved = lines.iter().find(|line| line["task_queue"] == QUEUE).expect("a line about the queue");
    assert_eq!((&unserved["waiting"], &unserved["workers"]), (&json!(1), &json!(0)), "{unserved:#}");
    deployment.finish().unwrap();
}

#[tokio::test]
async fn failures_are_lines_of_text_that_read_well_alone() {
    let deployment = Deployment::sqlite_with(&[]).await.unwrap();
    let (failing, good, log) = what_happens(&deployment).await;
    let run_id = failing.accepted["runId"].as_str().unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(run_id)).collect();
    let [line] = lines[..] else { panic!("{log}") };
    let message = "run of workflow `failing` failed: SimulatedFailure: Simulated failure at step 1";
    assert!(line.contains(" WARN ") && line.contains(message), "{line}");
    for field in ["workflow.id=\"failing\"", "task_queue=\"computor-tasks\""] {
        assert!(line.contains(field), "{line}");
    }
    assert!(!log.contains(good.accepted["runId"].as_str().unwrap()), "a success is not worth a line");
    assert!(log.contains(&format!("on task queue `{QUEUE}` cannot be taken")), "{log}");
    deployment.finish().unwrap();
}
