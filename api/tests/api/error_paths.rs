//! Errors are told at the field that made them, however deep it stands.

use serde_json::{Value, json};

use crate::harness::Api;

#[tokio::test]
async fn an_error_below_lists_and_objects_names_its_own_field() {
    let api = Api::start().await;
    let root = api.admin();
    for workflow_id in ["w1", "w2"] {
        root.started(json!({ "type": "echo", "workflowId": workflow_id })).await;
    }
    let cases: [(&str, Value); 5] = [
        (
            "{ workflows(first: 2) { edges { node { id activities(first: 0) { totalCount } } } } }",
            json!(["workflows", "edges", 0, "node", "activities"]),
        ),
        (
            "{ all: workflows(last: 2) { nodes { past: history(first: 0) { totalCount } } } }",
            json!(["all", "nodes", 0, "past"]),
        ),
        (
            "{ workflow(workflowId: \"w1\") { activities(after: \"x\") { totalCount } } }",
            json!(["workflow", "activities"]),
        ),
        (
            "{ taskQueues { nodes { workers(first: 0) { totalCount } } } }",
            json!(["taskQueues", "nodes", 0, "workers"]),
        ),
        ("{ workflows(first: 0) { totalCount } }", json!(["workflows"])),
    ];
    for (query, path) in cases {
        let error = root.error(query, json!({})).await;
        assert_eq!(error["path"], path, "{query}");
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(error["extensions"].get("ctutor.path"), None);
    }
}

#[tokio::test]
async fn an_error_in_an_item_of_a_stream_names_its_own_field() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "echo" })).await;
    let query = "subscription ($id: ID!) { workflowStream(id: $id) {
        ... on WorkflowSnapshot { workflow { activities(first: 0) { totalCount } } }
    } }";
    let items = root.items(query, json!({ "id": run["id"] })).await;
    assert_eq!(items[0]["errors"][0]["path"], json!(["workflowStream", "workflow", "activities"]));
}
