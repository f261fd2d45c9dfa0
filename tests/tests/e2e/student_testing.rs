//! The sample course, from its repositories to the scores.

use ctutor_tests::client::Client;
use serde_json::{Value, json};

use crate::{
    course::Course,
    deployment::Deployment,
    runs::{Run, ended, find, start},
    watch::{Live, Record, Transport},
};

in_both_shapes!(
    submissions_get_their_scores,
    stages_are_told_while_they_last,
    what_cannot_be_tested_fails_with_its_reason,
);

async fn submissions_get_their_scores(deployment: &mut Deployment) {
    let (course, root) = (Course::serve().unwrap(), deployment.root());
    let submissions =
        [("right", 8, 1.0), ("partly_wrong", 6, 0.75), ("endless_loop", 7, 0.875), ("network", 7, 0.875)];
    let mut runs = Vec::new();
    for (submission, ..) in submissions {
        runs.push(start(&root, course.test_of(submission)).await.unwrap());
    }
    for ((submission, passed, score), run) in submissions.into_iter().zip(&runs) {
        let found = ended(&root, run).await.unwrap();
        assert_eq!(found["status"], "COMPLETED", "{submission}: {found:#}");
        assert_eq!(found["taskQueue"], "testing");
        let result = &found["result"]["result"];
        let counts = (&result["passed"], &result["total"], &result["score"]);
        assert_eq!(counts, (&json!(passed), &json!(8), &json!(score)), "{submission}: {result:#}");
        assert_eq!(result["submission_commit"], course.repository(submission)["commit"]);
        assert_eq!(result["reference_commit"], course.repository("reference")["commit"]);
        assert_eq!(result["report"]["tests"].as_array().unwrap().len(), 8);
        assert_eq!(found["result"]["metadata"]["passed"], passed);
    }
    let looping = find(&root, &runs[2].id).await.unwrap();
    let tests = looping["result"]["result"]["report"]["tests"].as_array().unwrap();
    let timed_out: Vec<&Value> = tests.iter().filter(|test| test["status"] == "TIMEDOUT").collect();
    assert_eq!(timed_out.len(), 1, "{tests:#?}");
}

/// One submission, watched from its start, as a student does it.
async fn stages_are_told_while_they_last(deployment: &mut Deployment) {
    let (course, ada) = (Course::serve().unwrap(), deployment.user("ada"));
    let run = start(&ada, course.test_of("endless_loop")).await.unwrap();
    let mut record = Record::default();
    Live::open(&ada, Transport::WebSocket, &run).await.unwrap().rest(&mut record).await.unwrap();
    assert_eq!(record.last()["workflow"]["status"], "COMPLETED", "{record:#?}");

    let heartbeats = record.heartbeats();
    let running: Vec<&Value> = heartbeats
        .iter()
        .map(|(_, heartbeat)| *heartbeat)
        .filter(|heartbeat| heartbeat["details"]["stage"] == "running")
        .collect();
    assert!(!running.is_empty(), "{record:#?}");
    assert!(running.iter().all(|heartbeat| heartbeat["total"] == 8.0), "{running:#?}");
    let done: Vec<f64> = running.iter().map(|heartbeat| heartbeat["completed"].as_f64().unwrap()).collect();
    assert!(done.is_sorted() && done.iter().all(|done| *done <= 8.0), "{done:?}");
    // The test that never ends is the current one for long enough to be told.
    let current = |heartbeat: &&Value| {
        let current = heartbeat["details"]["current"].as_str();
        current.is_some_and(|current| current.ends_with("test_halvings"))
    };
    assert!(running.iter().any(current), "{running:#?}");

    let mut stages: Vec<&str> =
        heartbeats.iter().map(|(_, heartbeat)| heartbeat["details"]["stage"].as_str().unwrap()).collect();
    stages.dedup();
    let order =
        ["downloading_example", "downloading_submission", "waiting", "preparing", "running", "storing"];
    let places: Vec<_> = stages.iter().map(|stage| order.iter().position(|known| known == stage)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{stages:?}");
}

async fn what_cannot_be_tested_fails_with_its_reason(deployment: &mut Deployment) {
    let (course, root) = (Course::serve().unwrap(), deployment.root());
    let mut missing = course.test_of("right");
    let url = missing["input"]["submission"]["url"].as_str().unwrap().replace("right.git", "nobody.git");
    missing["input"]["submission"]["url"] = json!(url);
    let failure = failure(&root, &start(&root, missing).await.unwrap()).await;
    assert_eq!(failure["type"], "RepositoryUnusable", "{failure:#}");

    let mut unknown = course.test_of("right");
    unknown["input"]["submission"]["commit"] = json!("0123456789abcdef0123456789abcdef01234567");
    let failure = self::failure(&root, &start(&root, unknown).await.unwrap()).await;
    assert_eq!(failure["type"], "RepositoryUnusable", "{failure:#}");
    assert!(failure["message"].as_str().unwrap().contains("0123456789abcdef"), "{failure:#}");
}

/// The innermost failure of a run that fails.
async fn failure(client: &Client, run: &Run) -> Value {
    let found = ended(client, run).await.unwrap();
    assert_eq!(found["status"], "FAILED", "{found:#}");
    let task = client.get(&format!("/tasks/{}", run.workflow_id)).await.unwrap().body;
    assert_eq!(task["status"], "failed");
    let failure = &found["failure"];
    if failure["cause"].is_null() { failure.clone() } else { failure["cause"].clone() }
}
