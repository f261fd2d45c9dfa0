//! A failure is seen as a failure, wherever one looks.

use ctutor_tests::client::Client;
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{ended, events_of, start},
};

in_both_shapes!(a_failure_is_visible_as_failure);

async fn a_failure_is_visible_as_failure(deployment: &mut Deployment) {
    let root = deployment.root();
    let forgiven = json!({ "should_fail": true, "retry_count": 1, "fail_at_step": 1 });
    let failing = json!({ "should_fail": "true", "retry_count": 1, "fail_at_step": 3 });
    let begin = |input: Value| start(&root, json!({ "type": "example_error_handling", "input": input }));
    let (good, bad) = (begin(forgiven).await.unwrap(), begin(failing).await.unwrap());

    let found = ended(&root, &good).await.unwrap();
    assert_eq!((&found["status"], &found["result"]["result"]["attempts"]), (&json!("COMPLETED"), &json!(2)));
    check_pause(&found);

    let found = ended(&root, &bad).await.unwrap();
    assert_eq!((&found["status"], &found["result"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(found["failure"]["message"], "Simulated failure at step 2");
    assert_eq!(found["failure"]["type"], "SimulatedFailure");
    assert_eq!(found["failure"]["details"], json!({ "attempts": 2 }));
    check_pause(&found);

    let path = format!("/tasks/{}", bad.workflow_id);
    for view in [path.clone(), format!("{path}/status")] {
        let task = root.get(&view).await.unwrap().body;
        assert_eq!((&task["status"], &task["status_display"]), (&json!("failed"), &json!("FAILED")));
        assert_eq!(task["error"], "Simulated failure at step 2");
    }
    let result = root.get(&format!("{path}/result")).await.unwrap().body;
    assert_eq!(result["status"], "failed");
    assert_eq!(result["error"], "Simulated failure at step 2");
    assert_eq!(result["result"]["status"], "failed");
    assert_eq!(result["result"]["metadata"], json!({ "attempts": 2 }));

    for (status, filter, run) in [("FAILED", "FAILED", &bad), ("COMPLETED", "FINISHED", &good)] {
        let document = "query ($filter: WorkflowFilter) {
            workflows(filter: $filter) { totalCount nodes { id status failure { message } } }
        }";
        let listed =
            root.data(document, json!({ "filter": { "statuses": [status] } })).await.unwrap()["workflows"]
                .take();
        assert_eq!((&listed["totalCount"], &listed["nodes"][0]["id"]), (&json!(1), &json!(run.id)));
        assert_eq!(listed_in_rest(&root, filter).await, [run.workflow_id.as_str()]);
        assert_eq!(listed_in_rest(&root, &filter.to_lowercase()).await, [run.workflow_id.as_str()]);
    }
    // What the screens of the course system ask for.
    assert_eq!(listed_in_rest(&root, "FAILURE").await, [bad.workflow_id.as_str()]);
    assert!(listed_in_rest(&root, "CANCELLED").await.is_empty());
    let unknown = root.get("/tasks?status=BROKEN").await.unwrap();
    assert_eq!((unknown.status.as_u16(), &unknown.body["error"]["code"]), (400, &json!("VAL_001")));
}

/// One durable timer of two seconds between the two tries.
fn check_pause(found: &Value) {
    let started = events_of(found, "TIMER_STARTED");
    let fired = events_of(found, "TIMER_FIRED");
    assert_eq!((started.len(), fired.len()), (1, 1), "{found:#}");
    assert_eq!(started[0]["attributes"]["startToFireTimeoutMs"], 2_000, "{found:#}");
}

async fn listed_in_rest(client: &Client, status: &str) -> Vec<String> {
    let list = client.get(&format!("/tasks?status={status}")).await.unwrap();
    assert_eq!(list.status.as_u16(), 200);
    let tasks = list.body["tasks"].as_array().unwrap();
    assert_eq!(list.body["total"], tasks.len());
    tasks.iter().map(|task| task["task_id"].as_str().unwrap().to_owned()).collect()
}
