use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Api, Person};

const CANCEL: &str = "mutation ($input: StopWorkflowInput!) { stop: cancelWorkflow(input: $input) {
    changed workflow { id status } userErrors { code path }
} }";
const TERMINATE: &str = "mutation ($input: StopWorkflowInput!) { stop: terminateWorkflow(input: $input) {
    changed workflow { id status } userErrors { code path }
} }";
const DELETE: &str = "mutation ($input: DeleteWorkflowInput!) { deleteWorkflow(input: $input) {
    deletedId userErrors { code message path }
} }";

async fn stop(person: &Person<'_>, mutation: &str, run: &Value) -> Value {
    let input = json!({ "workflow": { "id": run["id"] }, "reason": "enough" });
    person.data(mutation, json!({ "input": input })).await["stop"].take()
}

async fn delete(person: &Person<'_>, workflow: Value) -> Value {
    person.data(DELETE, json!({ "input": { "workflow": workflow } })).await["deleteWorkflow"].take()
}

#[tokio::test]
async fn a_cancelled_run_ends_and_a_second_cancellation_changes_nothing() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "waiting", "input": null })).await;
    let payload = stop(&root, CANCEL, &run).await;
    assert_eq!((&payload["changed"], &payload["userErrors"]), (&json!(true), &json!([])));
    assert_eq!(root.finished(&run).await["status"], "cancelled");
    let payload = stop(&root, CANCEL, &run).await;
    assert_eq!((&payload["changed"], &payload["userErrors"]), (&json!(false), &json!([])));
    assert_eq!(payload["workflow"]["status"], "CANCELED");
    assert_eq!(payload["workflow"]["id"], run["id"]);
}

#[tokio::test]
async fn a_terminated_run_has_ended_when_the_mutation_answers() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "waiting", "input": null })).await;
    let payload = stop(&root, TERMINATE, &run).await;
    assert_eq!((&payload["changed"], &payload["workflow"]["status"]), (&json!(true), &json!("TERMINATED")));
    let payload = stop(&root, TERMINATE, &run).await;
    assert_eq!((&payload["changed"], &payload["workflow"]["status"]), (&json!(false), &json!("TERMINATED")));
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_stopped_or_deleted() {
    let api = Api::start().await;
    let root = api.admin();
    let refs = [
        (json!({ "workflowId": "nope" }), "workflowId"),
        (json!({ "workflowId": " " }), "workflowId"),
        (json!({ "id": "wfr_0190a0b0-0000-7000-8000-000000000000" }), "id"),
        (json!({ "id": "nonsense" }), "id"),
    ];
    for (workflow, field) in refs {
        let expected = json!([{ "code": "NOT_FOUND", "path": ["input", "workflow", field] }]);
        for mutation in [CANCEL, TERMINATE] {
            let data = root.data(mutation, json!({ "input": { "workflow": workflow } })).await;
            assert_eq!(data["stop"]["userErrors"], expected);
            assert_eq!((&data["stop"]["workflow"], &data["stop"]["changed"]), (&Value::Null, &json!(false)));
        }
        let payload = delete(&root, workflow).await;
        assert_eq!(
            (&payload["userErrors"][0]["code"], &payload["deletedId"]),
            (&json!("NOT_FOUND"), &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_reference_names_exactly_one_of_the_two() {
    let api = Api::start().await;
    for workflow in [json!({}), json!({ "id": "wfr_x", "workflowId": "x" }), json!({ "id": null })] {
        let answer = api.admin().graphql(CANCEL, json!({ "input": { "workflow": workflow } })).await;
        assert!(answer["errors"].is_array(), "{answer:#}");
    }
}

#[tokio::test]
async fn a_run_is_deleted_after_its_end_and_not_before() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "waiting", "input": null, "workflowId": "gone" })).await;
    let payload = delete(&root, json!({ "workflowId": "gone" })).await;
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["deletedId"]),
        (&json!("CONFLICT"), &Value::Null)
    );
    stop(&root, TERMINATE, &run).await;
    let payload = delete(&root, json!({ "workflowId": "gone" })).await;
    assert_eq!((&payload["deletedId"], &payload["userErrors"]), (&run["id"], &json!([])));
    let query = "query ($id: ID!) { node(id: $id) { id } workflow(workflowId: \"gone\") { id } workflows { totalCount } }";
    let data = root.data(query, json!({ "id": run["id"] })).await;
    assert_eq!(data, json!({ "node": null, "workflow": null, "workflows": { "totalCount": 0 } }));
}

#[tokio::test]
async fn users_delete_nothing() {
    let api = Api::start().await;
    let (ada, bob) = (api.user("ada"), api.user("bob"));
    let run = ada.started(json!({ "type": "student_testing" })).await;
    ada.finished(&run).await;
    assert_eq!(delete(&ada, json!({ "id": run["id"] })).await["userErrors"][0]["code"], "FORBIDDEN");
    assert_eq!(delete(&bob, json!({ "id": run["id"] })).await["userErrors"][0]["code"], "NOT_FOUND");
    let path = format!("/tasks/{}", run["workflowId"].as_str().unwrap());
    assert_eq!(ada.rest(Method::DELETE, &path).await.0, 403);
    assert_eq!(bob.rest(Method::DELETE, &path).await.0, 404);
    assert_eq!(ada.get(&path).await.0, 200);
}
