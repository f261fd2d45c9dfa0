//! Priorities choose queues, and queues choose workers.

use ctutor_tests::client::Client;
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{Run, ended, start},
};

const HIGH: &str = "computor-high-priority";
const ORDINARY: &str = "computor-tasks";
const LOW: &str = "computor-low-priority";
const QUEUES: [(i32, &str); 5] = [(10, HIGH), (6, HIGH), (5, ORDINARY), (0, ORDINARY), (-1, LOW)];

in_both_shapes!(a_priority_chooses_the_queue_unless_one_is_named);

async fn a_priority_chooses_the_queue_unless_one_is_named(deployment: &mut Deployment) {
    let root = deployment.root();
    for (priority, queue) in QUEUES {
        let run = submit(&root, priority).await;
        assert_eq!(
            (&run.accepted["taskQueue"], &run.accepted["priority"]),
            (&json!(queue), &json!(priority))
        );
        assert_eq!(ended(&root, &run).await.unwrap()["status"], "COMPLETED");
    }
    let named =
        json!({ "type": "example_error_handling", "input": {}, "priority": 10, "taskQueue": "testing" });
    let run = start(&root, named).await.unwrap();
    assert_eq!(run.accepted["taskQueue"], "testing");
    let submission = json!({ "task_name": "example_error_handling", "priority": 10, "queue": "testing" });
    let id = root.post("/tasks/submit", &submission).await.unwrap().body["task_id"].take();
    let task = root.get(&format!("/tasks/{}", id.as_str().unwrap())).await.unwrap().body;
    assert_eq!(task["queue"], "testing");

    for (priority, message) in [(101, "`priority`"), (-101, "`priority`")] {
        let submission = json!({ "task_name": "example_error_handling", "priority": priority });
        let refused = root.post("/tasks/submit", &submission).await.unwrap();
        assert_eq!(refused.status.as_u16(), 400, "{refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains(message), "{refused:?}");
    }
}

#[tokio::test]
async fn each_queue_is_served_by_its_worker_and_waits_while_there_is_none() {
    let workers = [("high", HIGH), ("ordinary", ORDINARY)];
    let mut deployment = Deployment::cluster_of(&workers).await.unwrap();
    deployment.start_worker("low", LOW).unwrap();
    let root = deployment.root();
    for (priority, queue) in QUEUES {
        let run = submit(&root, priority).await;
        let found = ended(&root, &run).await.unwrap();
        let worker = [("high", HIGH), ("ordinary", ORDINARY), ("low", LOW)]
            .into_iter()
            .find_map(|(worker, serves)| (serves == queue).then_some(worker))
            .unwrap();
        assert_eq!(found["workerIdentity"], worker, "{found:#}");
        assert_eq!(workers_of(&found), [worker], "{found:#}");
    }

    // A worker that is stopped well tells that it goes.
    let low = deployment.take("low");
    low.interrupt().unwrap();
    assert_eq!(low.wait().unwrap(), 0);
    let waiting = submit(&root, -1).await;
    // Later runs end first, so this one has had every chance to be taken by the wrong worker.
    for priority in [10, 0] {
        let run = submit(&root, priority).await;
        assert_eq!(ended(&root, &run).await.unwrap()["status"], "COMPLETED");
    }
    let path = format!("/tasks/{}", waiting.workflow_id);
    let task = root.get(&path).await.unwrap().body;
    assert_eq!((&task["status"], &task["started_at"]), (&json!("queued"), &Value::Null));
    let early = root.get(&format!("{path}/result?timeout=0")).await.unwrap();
    assert_eq!((early.status.as_u16(), &early.body["status"]), (202, &json!("queued")));

    deployment.start_worker("low again", LOW).unwrap();
    let found = ended(&root, &waiting).await.unwrap();
    assert_eq!((&found["status"], workers_of(&found)), (&json!("COMPLETED"), vec!["low again"]));
    deployment.finish().unwrap();
}

/// A run with one activity that takes no time.
async fn submit(client: &Client, priority: i32) -> Run {
    let input = json!({ "duration": 0 });
    start(client, json!({ "type": "example_long_running", "input": input, "priority": priority }))
        .await
        .unwrap()
}

fn workers_of(found: &Value) -> Vec<&str> {
    let activities = found["activities"]["nodes"].as_array().unwrap();
    activities.iter().map(|activity| activity["workerIdentity"].as_str().unwrap()).collect()
}
