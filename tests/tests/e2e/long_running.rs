//! A long task with live progress.

use std::time::Duration;

use anyhow::Result;
use ctutor_tests::client::Client;
use serde_json::json;

use crate::{
    deployment::Deployment,
    runs::{Run, start},
    watch::{Live, Record, Transport, has_done},
};

in_both_shapes!(progress_is_live_in_graphql, states_follow_each_other_in_rest);

/// Most time from the start to the first sign of progress.
const FIRST_PROGRESS_MAX: Duration = Duration::from_secs(2);

async fn progress_is_live_in_graphql(deployment: &mut Deployment) {
    let root = deployment.root();
    let input = json!({ "duration": 5, "message": "hello" });
    let run = start(&root, json!({ "type": "example_long_running", "input": input })).await.unwrap();
    assert!(is_id_of(&run.workflow_id, "example_long_running"), "{}", run.workflow_id);
    assert_eq!(run.accepted["status"], "PENDING");

    let (socket, events, late) = tokio::join!(
        watch(&root, Transport::WebSocket, &run),
        watch(&root, Transport::EventStream, &run),
        watch_late(&root, &run),
    );
    for record in [socket.unwrap(), events.unwrap()] {
        let mut statuses = vec!["PENDING"];
        statuses.extend(record.statuses());
        statuses.dedup();
        assert_eq!(statuses, ["PENDING", "RUNNING", "COMPLETED"], "{record:#?}");
        let heartbeats = check_heartbeats(&record);
        assert!(heartbeats >= 4, "{heartbeats} heartbeats: {record:#?}");
        let first = record.heartbeats()[0].0;
        assert!(first.duration_since(record.reached("RUNNING")) < FIRST_PROGRESS_MAX, "{record:#?}");
        check_end(&record);
    }

    let late = late.unwrap();
    let snapshot = &late.items[0].1;
    assert_eq!(snapshot["__typename"], "WorkflowSnapshot");
    assert_eq!(snapshot["workflow"]["status"], "RUNNING");
    let known = snapshot["workflow"]["pendingActivities"][0]["heartbeat"]["completed"].as_f64().unwrap();
    assert!((1.0..5.0).contains(&known), "{snapshot:#}");
    assert!(check_heartbeats(&late) >= 1, "{late:#?}");
    check_end(&late);
}

async fn watch(client: &Client, transport: Transport, run: &Run) -> Result<Record> {
    let mut record = Record::default();
    Live::open(client, transport, run).await?.rest(&mut record).await?;
    Ok(record)
}

/// Joins when two seconds are over.
async fn watch_late(client: &Client, run: &Run) -> Result<Record> {
    let mut before = Live::open(client, Transport::WebSocket, run).await?;
    before.until(&mut Record::default(), |item| has_done(item, 2.0)).await?;
    watch(client, Transport::WebSocket, run).await
}

/// Checks that they never go back, and returns how many there are.
fn check_heartbeats(record: &Record) -> usize {
    let heartbeats = record.heartbeats();
    let done: Vec<f64> =
        heartbeats.iter().map(|(_, heartbeat)| heartbeat["completed"].as_f64().unwrap()).collect();
    assert!(done.is_sorted(), "{done:?}");
    for (_, heartbeat) in &heartbeats {
        let share = heartbeat["completed"].as_f64().unwrap() / 5.0;
        assert!((heartbeat["progress"].as_f64().unwrap() - share).abs() < 1e-9, "{heartbeat}");
        assert_eq!(heartbeat["message"], "hello");
        assert_eq!(heartbeat["details"]["stage"], "processing");
    }
    done.len()
}

fn check_end(record: &Record) {
    let last = record.last();
    assert_eq!(last["__typename"], "StreamEnded", "{record:#?}");
    let result = &last["workflow"]["result"]["result"];
    assert_eq!((&result["message"], &result["duration_requested"]), (&json!("hello"), &json!(5)));
    let actual = result["duration_actual"].as_f64().unwrap();
    assert!((5.0..=6.5).contains(&actual), "{actual}");
}

async fn states_follow_each_other_in_rest(deployment: &mut Deployment) {
    let root = deployment.root();
    // Digits as text are a number too.
    let submission = json!({ "task_name": "example_long_running", "parameters": { "duration": "2" } });
    let submitted = root.post("/tasks/submit", &submission).await.unwrap();
    assert_eq!((submitted.status.as_u16(), &submitted.body["status"]), (200, &json!("submitted")));
    let id = submitted.body["task_id"].as_str().unwrap().to_owned();
    assert!(is_id_of(&id, "example_long_running"), "{id}");

    let mut states: Vec<String> = Vec::new();
    let mut progress = Vec::new();
    ctutor_tests::wait::until_async("the end of the task", async || {
        let task = root.get(&format!("/tasks/{id}")).await?.body;
        let state = task["status"].as_str().unwrap().to_owned();
        if states.last() != Some(&state) {
            states.push(state.clone());
        }
        progress.extend(task["progress"]["percent"].as_f64());
        Ok((state == "finished").then_some(()))
    })
    .await
    .unwrap();
    let order = ["queued", "started", "finished"];
    let seen: Vec<&str> = states.iter().map(String::as_str).collect();
    assert!(seen == order || seen == order[1..], "{states:?}");
    assert!(progress.is_sorted() && progress.contains(&50.0), "{progress:?}");

    let result = root.get(&format!("/tasks/{id}/result")).await.unwrap();
    assert_eq!((result.status.as_u16(), &result.body["status"]), (200, &json!("finished")));
    assert_eq!(result.body["result"]["result"]["duration_requested"], 2);
    assert_eq!(result.body["result"]["metadata"]["workflow_type"], "long_running");
    let task = root.get(&format!("/tasks/{id}/status")).await.unwrap().body;
    assert_eq!((&task["status_display"], &task["result_available"]), (&json!("FINISHED"), &json!("Yes")));
    assert_eq!(task["queue"], "computor-tasks");
    assert_eq!(task["duration"], "2s");
}

/// Whether an id is that of a type with a UUID.
fn is_id_of(id: &str, workflow_type: &str) -> bool {
    let Some(uuid) = id.strip_prefix(workflow_type).and_then(|rest| rest.strip_prefix('-')) else {
        return false;
    };
    uuid.len() == 36 && uuid.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-'))
}
