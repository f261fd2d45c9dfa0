//! What the REST twin refuses, and that nothing is left of it.

use ctutor_tests::client::{Answer, Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{deployment::Deployment, runs::count};

in_both_shapes!(what_is_wrong_is_refused_with_its_code_and_not_stored);

async fn what_is_wrong_is_refused_with_its_code_and_not_stored(deployment: &mut Deployment) {
    let (root, ada) = (deployment.root(), deployment.user("ada"));
    submissions(&root).await;
    let ordinary = json!({ "task_name": "example_long_running" });
    refused(&ada.post("/tasks/submit", &ordinary).await.unwrap(), 403, "AUTHZ_001");
    missing_tasks(&root).await;
    for query in ["limit=0", "limit=1001", "limit=ten", "offset=-1", "status=SOMETIMES"] {
        let answer = root.get(&format!("/tasks?{query}")).await.unwrap();
        refused(&answer, 400, "VAL_001");
        assert_eq!(answer.body["error"]["details"]["field"], query.split('=').next().unwrap());
    }
    for limit in [1, 1_000] {
        assert_eq!(root.get(&format!("/tasks?limit={limit}")).await.unwrap().status.as_u16(), 200);
    }
    refused(&root.get("/tasks/a/b/c").await.unwrap(), 404, "HTTP_404");
    refused(&root.delete("/tasks").await.unwrap(), 405, "HTTP_405");
    assert_eq!(count(&root).await.unwrap(), 0);
}

async fn submissions(root: &Client) {
    let long = |parameters: Value| json!({ "task_name": "example_long_running", "parameters": parameters });
    let cases = [
        (json!({ "task_name": "no_such_type" }), 400, "VAL_001", "task_name"),
        (json!({}), 400, "VAL_001", "task_name"),
        (long(json!([])), 400, "VAL_001", "parameters"),
        (long(json!({ "duration": "soon" })), 400, "VAL_001", "parameters.duration"),
        (json!({ "task_name": "example_long_running", "queue": "" }), 400, "VAL_001", "queue"),
        (json!({ "task_name": "example_long_running", "workflow_id": "" }), 400, "VAL_001", "workflow_id"),
    ];
    for (submission, status, code, field) in cases {
        let answer = root.post("/tasks/submit", &submission).await.unwrap();
        refused(&answer, status, code);
        assert_eq!(answer.body["error"]["details"]["field"], field, "{submission}: {answer:?}");
    }
    let unknown = json!({ "task_name": "example_long_running", "prio": 5 });
    refused(&root.post("/tasks/submit", &unknown).await.unwrap(), 400, "VAL_001");
    let large = long(json!({ "message": "x".repeat(3 << 20) }));
    refused(&root.post("/tasks/submit", &large).await.unwrap(), 413, "VAL_002");

    let request = root.request(Method::POST, "/tasks/submit").header("content-type", "application/json");
    let response = request.body("{\"task_name\": ").send().await.unwrap();
    let answer = Answer { status: response.status(), body: response.json().await.unwrap() };
    refused(&answer, 400, "VAL_001");
}

async fn missing_tasks(root: &Client) {
    for path in ["/tasks/none", "/tasks/none/status", "/tasks/none/result"] {
        refused(&root.get(path).await.unwrap(), 404, "TASK_001");
    }
    for path in ["/tasks/none", "/tasks/none/cancel"] {
        refused(&root.delete(path).await.unwrap(), 404, "TASK_001");
    }
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), &answer.body["error"]["code"]), (status, &json!(code)), "{answer:?}");
    assert_eq!(answer.body["detail"], answer.body["error"]["message"]);
}
