//! Who works, and how soon it is seen that somebody no longer does.

use std::time::{Duration, Instant};

use ctutor_tests::{client::Client, wait};
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{ended, start},
    watch::{Live, Record, Transport, has_done},
};

in_both_shapes!(types_and_workers_are_listed);

/// Most time from the death of a worker to its absence from the list.
const DROPPED_MAX: Duration = Duration::from_secs(30);

const TYPES: [&str; 4] =
    ["example_data_processing", "example_error_handling", "example_long_running", "student_testing"];

async fn types_and_workers_are_listed(deployment: &mut Deployment) {
    let (root, ada) = (deployment.root(), deployment.user("ada"));
    let document = "{
        workflowTypes { nodes { name description inputSchema taskQueue taskQueues } }
        workers { totalCount nodes { identity taskQueues types draining } }
        taskQueues { nodes { name workers { totalCount } } }
    }";
    let data = root.data(document, json!({})).await.unwrap();
    let types = data["workflowTypes"]["nodes"].as_array().unwrap();
    for name in TYPES {
        let found = types.iter().find(|known| known["name"] == name).unwrap();
        assert!(found["description"].is_string() && found["inputSchema"].is_object(), "{found:#}");
        assert!(found["taskQueues"].as_array().unwrap().contains(&found["taskQueue"]), "{found:#}");
    }
    let workers = if deployment.is_alone() { 1 } else { 2 };
    assert_eq!(data["workers"]["totalCount"], workers);
    for worker in data["workers"]["nodes"].as_array().unwrap() {
        let queues = worker["taskQueues"].as_array().unwrap();
        for queue in ["computor-high-priority", "computor-tasks", "computor-low-priority", "testing"] {
            assert!(queues.contains(&json!(queue)), "{worker:#}");
        }
    }
    for queue in data["taskQueues"]["nodes"].as_array().unwrap() {
        assert_eq!(queue["workers"]["totalCount"], workers, "{queue:#}");
    }

    let types = ada.get("/tasks/types").await.unwrap().body;
    assert!(TYPES.iter().all(|name| types.as_array().unwrap().contains(&json!(name))), "{types:#}");
    let status = root.get("/tasks/workers/status").await.unwrap().body;
    assert_eq!((&status["status"], &status["broker_status"]), (&json!("healthy"), &json!("connected")));
    assert_eq!(status["workers"].as_array().unwrap().len(), workers);
}

/// The other worker also finishes what the killed one had begun, from where it was.
#[tokio::test]
async fn a_killed_worker_is_dropped_and_its_work_goes_on_elsewhere() {
    let mut deployment = Deployment::cluster_of(&[("first", "computor-tasks")]).await.unwrap();
    let root = deployment.root();
    let input = json!({ "type": "example_long_running", "input": { "duration": 6 } });
    let run = start(&root, input).await.unwrap();
    let mut live = Live::open(&root, Transport::WebSocket, &run).await.unwrap();
    let mut record = Record::default();
    live.until(&mut record, |item| has_done(item, 3.0)).await.unwrap();
    deployment.start_worker("second", "computor-tasks").unwrap();
    assert_eq!(identities(&root).await, ["first", "second"]);

    let killed = Instant::now();
    deployment.take("first").kill9().unwrap();
    wait::until_async("the absence of the killed worker", async || {
        Ok((identities(&root).await == ["second"]).then_some(()))
    })
    .await
    .unwrap();
    assert!(killed.elapsed() < DROPPED_MAX, "{:?}", killed.elapsed());
    let status = root.get("/tasks/workers/status").await.unwrap().body;
    assert_eq!(status["workers"].as_array().unwrap().len(), 1);

    let found = ended(&root, &run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED", "{found:#}");
    let activity = &found["activities"]["nodes"][0];
    assert_eq!((&activity["workerIdentity"], &activity["attempt"]), (&json!("second"), &json!(2)));
    let mut after = Record::default();
    live.rest(&mut after).await.unwrap();
    assert_eq!(after.last()["workflow"]["status"], "COMPLETED");
    let resumed = after.heartbeats().iter().find_map(|(_, heartbeat)| heartbeat["completed"].as_f64());
    assert!(resumed.unwrap() >= 2.0, "{after:#?}");
    deployment.finish().unwrap();
}

async fn identities(client: &Client) -> Vec<String> {
    let data = client.data("{ workers { nodes { identity } } }", json!({})).await.unwrap();
    let workers: &Vec<Value> = data["workers"]["nodes"].as_array().unwrap();
    workers.iter().map(|worker| worker["identity"].as_str().unwrap().to_owned()).collect()
}
