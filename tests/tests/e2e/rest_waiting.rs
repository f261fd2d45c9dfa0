//! The words for tasks that are open: each tells what the task waits for, and the list says the same.

use ctutor_tests::{client::Client, wait};
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{ended, start},
};

in_both_shapes!(
    a_task_without_a_worker_is_queued_and_one_before_its_time_deferred,
    a_task_that_only_sleeps_is_deferred_until_it_is_stopped,
);

const OPEN: [&str; 3] = ["queued", "deferred", "started"];

async fn a_task_without_a_worker_is_queued_and_one_before_its_time_deferred(deployment: &mut Deployment) {
    let root = deployment.root();
    let unserved = submit(&root, json!({ "queue": "nobody" })).await;
    assert_eq!(status(&root, &unserved).await, "queued");
    let later = submit(&root, json!({ "queue": "nobody", "delay": 3_600 })).await;
    assert_eq!(status(&root, &later).await, "deferred");
    let soon = submit(&root, json!({ "queue": "nobody", "delay": 4 })).await;
    let mut seen = vec![status(&root, &soon).await];
    wait::until_async("the delayed task is due", async || {
        let now = status(&root, &soon).await;
        if seen.last() != Some(&now) {
            seen.push(now.clone());
        }
        Ok((now != "deferred").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(seen, ["deferred", "queued"]);
    check_lists(&root, [&[&soon, &unserved], &[&later], &[]]).await;

    for id in [&unserved, &later, &soon] {
        root.delete(&format!("/tasks/{id}/cancel")).await.unwrap();
    }
    check_lists(&root, [&[], &[], &[]]).await;
}

async fn a_task_that_only_sleeps_is_deferred_until_it_is_stopped(deployment: &mut Deployment) {
    let root = deployment.root();
    // The pauses between its tries grow, so one is long enough to be looked at.
    let input = json!({ "should_fail": true, "retry_count": 20, "fail_at_step": 20 });
    let sleeping = start(&root, json!({ "type": "example_error_handling", "input": input })).await.unwrap();
    let input = json!({ "duration": 300 });
    let working = start(&root, json!({ "type": "example_long_running", "input": input })).await.unwrap();
    let (sleeps, works) = (&sleeping.workflow_id, &working.workflow_id);
    wait::until_async("one works and one sleeps", async || {
        let both = (status(&root, sleeps).await, status(&root, works).await);
        Ok((both == ("deferred".to_owned(), "started".to_owned())).then_some(()))
    })
    .await
    .unwrap();
    wait::until_async("the lists say the same", async || {
        let lists = (list(&root, "deferred").await, list(&root, "started").await);
        Ok((lists == (vec![sleeps.clone()], vec![works.clone()])).then_some(()))
    })
    .await
    .unwrap();
    assert!(list(&root, "queued").await.is_empty());

    for run in [&sleeping, &working] {
        root.delete(&format!("/tasks/{}/cancel", run.workflow_id)).await.unwrap();
        assert_eq!(ended(&root, run).await.unwrap()["status"], "CANCELED");
    }
    check_lists(&root, [&[], &[], &[]]).await;
    assert_eq!(list(&root, "cancelled").await.len(), 2);
}

async fn submit(client: &Client, fields: Value) -> String {
    let mut task = json!({ "task_name": "example_long_running", "parameters": { "duration": 0 } });
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let answer = client.post("/tasks/submit", &task).await.unwrap();
    answer.body["task_id"].as_str().unwrap().to_owned()
}

async fn status(client: &Client, id: &str) -> String {
    let task = client.get(&format!("/tasks/{id}")).await.unwrap().body;
    let status = task["status"].as_str().unwrap();
    assert_eq!(task["status_display"], status.to_uppercase());
    status.to_owned()
}

/// The tasks of each word for open ones, the newest first.
async fn check_lists(client: &Client, expected: [&[&String]; 3]) {
    for (word, expected) in OPEN.into_iter().zip(expected) {
        assert_eq!(list(client, word).await.iter().collect::<Vec<_>>(), expected, "{word}");
    }
}

/// The tasks that the list has for a word; each must show that word.
async fn list(client: &Client, word: &str) -> Vec<String> {
    let list = client.get(&format!("/tasks?status={word}")).await.unwrap().body;
    let tasks = list["tasks"].as_array().unwrap();
    assert_eq!(list["total"], tasks.len());
    let ids = tasks.iter().map(|task| {
        assert_eq!(task["status"], word, "{task:#}");
        task["task_id"].as_str().unwrap().to_owned()
    });
    ids.collect()
}
