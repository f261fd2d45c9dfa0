//! Stopping a long task, and removing it.

use std::time::{Duration, Instant};

use ctutor_tests::{client::Client, wait};
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{self, ended, find, start},
    watch::{Live, Record, Transport, has_done},
};

in_both_shapes!(a_run_stops_when_asked_and_can_then_be_removed, rest_stops_and_removes_too);

/// Most time from the request to the end.
const STOP_MAX: Duration = Duration::from_secs(5);

const CANCEL: &str = "mutation ($workflow: WorkflowRef!) {
    cancelWorkflow(input: { workflow: $workflow, reason: \"no longer needed\" }) {
        changed workflow { status } userErrors { code }
    }
}";
const DELETE: &str = "mutation ($workflow: WorkflowRef!) {
    deleteWorkflow(input: { workflow: $workflow }) { deletedId userErrors { code } }
}";

async fn a_run_stops_when_asked_and_can_then_be_removed(deployment: &mut Deployment) {
    let root = deployment.root();
    let run = start(&root, long()).await.unwrap();
    let (mut live, mut record) =
        (Live::open(&root, Transport::WebSocket, &run).await.unwrap(), Record::default());
    live.until(&mut record, |item| has_done(item, 3.0)).await.unwrap();

    let open = root.data(DELETE, json!({ "workflow": { "id": run.id } })).await.unwrap();
    assert_eq!(open["deleteWorkflow"]["userErrors"][0]["code"], "CONFLICT");

    let asked = Instant::now();
    let first = root.data(CANCEL, json!({ "workflow": { "id": run.id } })).await.unwrap();
    assert_eq!(first["cancelWorkflow"]["changed"], true, "{first:#}");
    live.rest(&mut record).await.unwrap();
    assert!(asked.elapsed() < STOP_MAX, "{:?}", asked.elapsed());
    assert_eq!(record.last()["workflow"]["status"], "CANCELED");
    // New work is taken at once, and nothing of the old goes on.
    let next = start(&root, json!({ "type": "example_long_running", "input": { "duration": 0 } })).await;
    let next = ended(&root, &next.unwrap()).await.unwrap();
    assert_eq!(next["status"], "COMPLETED");
    assert!(asked.elapsed() < STOP_MAX * 2, "{:?}", asked.elapsed());
    no_slot_is_used(&root).await;

    let found = find(&root, &run.id).await.unwrap();
    assert_eq!(found["activities"]["nodes"][0]["status"], "CANCELED");
    let types = runs::event_types(&found);
    let asked = types.iter().position(|&event| event == "WORKFLOW_EXECUTION_CANCEL_REQUESTED").unwrap();
    assert_eq!(types.last(), Some(&"WORKFLOW_EXECUTION_CANCELED"));
    assert!(types[asked..].contains(&"ACTIVITY_TASK_CANCEL_REQUESTED"), "{types:?}");

    let second = root.data(CANCEL, json!({ "workflow": { "id": run.id } })).await.unwrap();
    let expected = json!({ "changed": false, "workflow": { "status": "CANCELED" }, "userErrors": [] });
    assert_eq!(second["cancelWorkflow"], expected);
    assert_eq!(find(&root, &run.id).await.unwrap(), found);

    let deleted = root.data(DELETE, json!({ "workflow": { "id": run.id } })).await.unwrap();
    assert_eq!(deleted["deleteWorkflow"], json!({ "deletedId": run.id, "userErrors": [] }));
    assert_eq!(find(&root, &run.id).await.unwrap(), Value::Null);
    assert_eq!(runs::count(&root).await.unwrap(), 1);
}

async fn rest_stops_and_removes_too(deployment: &mut Deployment) {
    let root = deployment.root();
    let run = start(&root, long()).await.unwrap();
    let path = format!("/tasks/{}", run.workflow_id);
    wait::until_async("progress", async || {
        let percent = root.get(&path).await?.body["progress"]["percent"].as_f64();
        Ok(percent.filter(|percent| *percent >= 5.0))
    })
    .await
    .unwrap();
    let early = root.delete(&path).await.unwrap();
    assert_eq!((early.status.as_u16(), &early.body["error"]["code"]), (409, &json!("TASK_002")));

    let asked = Instant::now();
    let cancelled = root.delete(&format!("{path}/cancel")).await.unwrap();
    assert_eq!((cancelled.status.as_u16(), &cancelled.body["status"]), (200, &json!("cancelled")));
    let result = root.get(&format!("{path}/result")).await.unwrap();
    assert_eq!((result.status.as_u16(), &result.body["status"]), (200, &json!("cancelled")));
    assert!(asked.elapsed() < STOP_MAX, "{:?}", asked.elapsed());

    let again = root.delete(&format!("{path}/cancel")).await.unwrap();
    assert_eq!((again.status.as_u16(), &again.body["status"]), (200, &json!("cancelled")));
    assert_eq!(again.body["message"], "the task had ended before");
    let deleted = root.delete(&path).await.unwrap();
    assert_eq!((deleted.status.as_u16(), &deleted.body["status"]), (200, &json!("deleted")));
    assert_eq!(root.get(&path).await.unwrap().status.as_u16(), 404);
    let list = root.get("/tasks").await.unwrap().body;
    assert_eq!((&list["tasks"], &list["total"]), (&json!([]), &json!(0)));
}

fn long() -> Value {
    json!({ "type": "example_long_running", "input": { "duration": 60 } })
}

async fn no_slot_is_used(client: &Client) {
    wait::until_async("free slots", async || {
        let data = client.data("{ workers { nodes { slotsUsed } } }", json!({})).await?;
        let workers = data["workers"]["nodes"].as_array().unwrap();
        Ok(workers.iter().all(|worker| worker["slotsUsed"] == 0).then_some(()))
    })
    .await
    .unwrap();
}
