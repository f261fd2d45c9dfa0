//! What GraphQL refuses, and that nothing is left of it.

use ctutor_tests::client::{Answer, Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{count, ended, start, try_start},
};

in_both_shapes!(what_is_wrong_is_refused_by_name_and_not_stored, a_workflow_id_is_taken_once);

async fn what_is_wrong_is_refused_by_name_and_not_stored(deployment: &mut Deployment) {
    let (root, ada) = (deployment.root(), deployment.user("ada"));
    refused_starts(&root, &ada).await;
    missing_runs(&root).await;
    page_sizes(&root).await;
    broken_requests(&root).await;
    assert_eq!(count(&root).await.unwrap(), 0);
}

async fn refused_starts(root: &Client, ada: &Client) {
    let large = "x".repeat(2_100_000);
    let cases = [
        (root, json!({ "type": "no_such_type" }), "INVALID", json!(["input", "type"])),
        (
            root,
            json!({ "type": "example_long_running", "input": { "duration": "soon" } }),
            "INVALID",
            json!(["input", "input", "duration"]),
        ),
        (
            root,
            json!({ "type": "student_testing", "input": { "submission": { "url": "https://a/b", "commit": "c" } } }),
            "INVALID",
            json!(["input", "input"]),
        ),
        (
            root,
            json!({ "type": "example_long_running", "priority": 101 }),
            "INVALID",
            json!(["input", "priority"]),
        ),
        (
            root,
            json!({ "type": "example_long_running", "taskQueue": " " }),
            "INVALID",
            json!(["input", "taskQueue"]),
        ),
        (
            root,
            json!({ "type": "example_long_running", "workflowId": "" }),
            "INVALID",
            json!(["input", "workflowId"]),
        ),
        (
            root,
            json!({ "type": "example_long_running", "input": { "message": large } }),
            "INVALID",
            json!(["input", "input"]),
        ),
        (ada, json!({ "type": "example_long_running" }), "FORBIDDEN", json!(["input", "type"])),
    ];
    for (client, input, code, path) in cases {
        let shown = input.to_string().chars().take(100).collect::<String>();
        let payload = try_start(client, input).await.unwrap();
        assert_eq!((&payload["created"], &payload["workflow"]), (&json!(false), &Value::Null), "{shown}");
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!(code), &path), "{shown}: {payload:#}");
    }
}

async fn missing_runs(root: &Client) {
    let missing = "wfr_01234567-89ab-7cde-8f01-23456789abcd";
    let data = root
        .data(
            "query ($id: ID!) { node(id: $id) { id } workflow(workflowId: \"none\") { id } }",
            json!({ "id": missing }),
        )
        .await
        .unwrap();
    assert_eq!(data, json!({ "node": null, "workflow": null }));
    let stop = "mutation ($id: ID!) {
        cancelWorkflow(input: { workflow: { id: $id } }) { changed workflow { id } userErrors { code } }
        deleteWorkflow(input: { workflow: { id: $id } }) { deletedId userErrors { code } }
    }";
    let data = root.data(stop, json!({ "id": missing })).await.unwrap();
    let errors = json!([{ "code": "NOT_FOUND" }]);
    let unchanged = json!({ "changed": false, "workflow": null, "userErrors": errors });
    assert_eq!(data["cancelWorkflow"], unchanged);
    assert_eq!(data["deleteWorkflow"], json!({ "deletedId": null, "userErrors": errors }));
    let stream = "subscription ($id: ID!) { workflowStream(id: $id) { __typename } }";
    let mut stream = root.subscribe(stream, json!({ "id": missing })).await.unwrap();
    let error = stream.next().await.unwrap_err().to_string();
    assert!(error.contains("NOT_FOUND"), "{error}");
}

async fn page_sizes(root: &Client) {
    for first in [0, 101, -1] {
        for list in ["workflows", "workers", "taskQueues", "workflowTypes"] {
            let document = format!("query ($first: Int) {{ {list}(first: $first) {{ totalCount }} }}");
            let answer = root.execute(&document, json!({ "first": first })).await.unwrap();
            let error = &answer.body["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{list} {first}: {answer:?}");
            assert_eq!(error["extensions"]["argument"], "first");
            assert_eq!(error["path"], json!([list]));
        }
    }
}

async fn broken_requests(root: &Client) {
    let cases = [
        ("{ viewer { subject ", 400, "GRAPHQL_PARSE_FAILED"),
        ("{ viewer { shoeSize } }", 400, "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { startWorkflow(input: { typ: \"x\" }) { created } }", 400, "BAD_USER_INPUT"),
        ("query ($x: Int!) { workflows(first: $x) { totalCount } }", 400, "GRAPHQL_VALIDATION_FAILED"),
    ];
    for (document, status, code) in cases {
        let answer = root.execute(document, json!({})).await.unwrap();
        refused(&answer, status, code);
    }
    let post = |body: String| async move {
        let request = root.request(Method::POST, "/graphql").header("content-type", "application/json");
        let response = request.body(body).send().await.unwrap();
        let status = response.status();
        Answer { status, body: response.json().await.unwrap() }
    };
    refused(&post("{\"query\": ".to_owned()).await, 400, "BAD_REQUEST");
    refused(&post("[]".to_owned()).await, 400, "BAD_REQUEST");
    let body = json!({
        "query": "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) { created } }",
        "variables": { "input": { "type": "example_long_running", "input": { "message": "x".repeat(3 << 20) } } },
    });
    refused(&post(body.to_string()).await, 413, "PAYLOAD_TOO_LARGE");
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], code, "{answer:?}");
    assert_eq!(answer.body.get("data"), None, "{answer:?}");
}

async fn a_workflow_id_is_taken_once(deployment: &mut Deployment) {
    let root = deployment.root();
    let input = json!({
        "type": "example_long_running", "input": { "duration": 2 }, "workflowId": "only-once",
    });
    let run = start(&root, input.clone()).await.unwrap();
    let second = try_start(&root, input.clone()).await.unwrap();
    refused_for_id(&second, "ALREADY_RUNNING");

    let found = ended(&root, &run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED");
    refused_for_id(&try_start(&root, input.clone()).await.unwrap(), "CONFLICT");
    let submission = json!({ "task_name": "example_long_running", "workflow_id": "only-once" });
    let refused = root.post("/tasks/submit", &submission).await.unwrap();
    assert_eq!((refused.status.as_u16(), &refused.body["error"]["code"]), (409, &json!("TASK_002")));
    assert_eq!(refused.body["error"]["details"]["task_id"], "only-once");
    assert_eq!(count(&root).await.unwrap(), 1);

    // Unless the caller says that it may be taken again.
    let mut again = input;
    again["reusePolicy"] = json!("ALLOW_DUPLICATE");
    let again = start(&root, again).await.unwrap();
    assert_ne!(again.id, run.id);
    assert_eq!(ended(&root, &again).await.unwrap()["status"], "COMPLETED");
    assert_eq!(count(&root).await.unwrap(), 2);
}

fn refused_for_id(payload: &Value, code: &str) {
    let error = &payload["userErrors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!(code), &json!(["input", "workflowId"])));
    assert!(error["message"].as_str().unwrap().contains("only-once"), "{payload:#}");
    assert_eq!((&payload["created"], &payload["workflow"]), (&json!(false), &Value::Null));
}
