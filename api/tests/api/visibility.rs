//! What a caller may not see answers exactly like what does not exist.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Api, answer};

const NOWHERE: &str = "0190a0b0-0000-7000-8000-000000000000";

#[tokio::test]
async fn runs_of_others_do_not_exist_in_graphql() {
    let api = Api::start().await;
    let (root, ada, bob) = (api.admin(), api.user("ada"), api.user("bob"));
    let run = ada.started(json!({ "type": "student_testing", "workflowId": "of-ada" })).await;
    ada.finished(&run).await;
    let query = "query ($id: ID!, $event: ID!, $activity: ID!) {
        workflows { nodes { id } totalCount }
        workflow(workflowId: \"of-ada\") { id }
        byRun: workflow(workflowId: \"of-ada\", runId: $id) { id }
        node(id: $id) { id }
        nodes(ids: [$id, $event, $activity]) { id }
    }";
    let uuid = run["id"].as_str().unwrap().trim_start_matches("wfr_");
    let of = |uuid: &str| json!({ "id": format!("wfr_{uuid}"), "event": format!("evt_{uuid}_1"), "activity": format!("act_{uuid}_2") });
    let expected = json!({
        "workflows": { "nodes": [], "totalCount": 0 }, "workflow": null, "byRun": null, "node": null,
        "nodes": [null, null, null],
    });
    assert_eq!(bob.data(query, of(uuid)).await, expected);
    assert_eq!(bob.data(query, of(NOWHERE)).await, expected);
    for person in [&root, &ada] {
        let seen = person.data(query, of(uuid)).await;
        assert_eq!((&seen["node"]["id"], &seen["workflows"]["totalCount"]), (&run["id"], &json!(1)));
        assert_eq!(seen["nodes"][1]["id"], format!("evt_{uuid}_1"));
    }
    for verb in ["cancel", "terminate"] {
        let mutation = format!(
            "mutation ($input: StopWorkflowInput!) {{ {verb}Workflow(input: $input) {{
                changed workflow {{ id }} userErrors {{ code message path }} }} }}"
        );
        let stop = |uuid: &str| json!({ "input": { "workflow": { "id": format!("wfr_{uuid}") } } });
        let hidden = bob.data(&mutation, stop(uuid)).await;
        assert_eq!(hidden, bob.data(&mutation, stop(NOWHERE)).await);
        assert!(hidden.to_string().contains("NOT_FOUND"), "{hidden}");
    }
    let stream = "subscription ($id: ID!) { workflowStream(id: $id) { __typename } }";
    let hidden = bob.items(stream, json!({ "id": run["id"] })).await;
    assert_eq!(hidden, bob.items(stream, json!({ "id": format!("wfr_{NOWHERE}") })).await);
    assert_eq!(hidden[0]["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn tasks_of_others_do_not_exist_in_rest() {
    let api = Api::start().await;
    let (ada, bob) = (api.user("ada"), api.user("bob"));
    let run = ada.started(json!({ "type": "student_testing", "workflowId": "of-ada" })).await;
    ada.finished(&run).await;
    let calls = [
        (Method::GET, ""),
        (Method::GET, "/status"),
        (Method::GET, "/result"),
        (Method::DELETE, "/cancel"),
        (Method::DELETE, ""),
    ];
    for (method, suffix) in calls {
        let hidden = bob.rest(method.clone(), &format!("/tasks/of-ada{suffix}")).await;
        assert_eq!(hidden, bob.rest(method, &format!("/tasks/none{suffix}")).await);
        assert_eq!(hidden.0, StatusCode::NOT_FOUND);
        assert_eq!(hidden.1["error"]["code"], "TASK_001");
    }
    let (_, list) = bob.get("/tasks").await;
    assert_eq!((&list["tasks"], &list["total"]), (&json!([]), &json!(0)));
    let (_, list) = ada.get("/tasks").await;
    assert_eq!(list["total"], 1);
}

#[tokio::test]
async fn a_taken_workflow_id_tells_nothing_of_the_run_that_has_it() {
    let api = Api::start().await;
    let (ada, bob) = (api.user("ada"), api.user("bob"));
    let run = ada.started(json!({ "type": "student_testing", "workflowId": "taken" })).await;
    let payload = bob.start(json!({ "type": "student_testing", "workflowId": "taken" })).await;
    assert_eq!((&payload["userErrors"][0]["code"], &payload["workflow"]), (&json!("CONFLICT"), &Value::Null));
    let uuid = run["id"].as_str().unwrap().trim_start_matches("wfr_");
    assert!(!payload.to_string().contains(uuid), "{payload:#}");
}

#[tokio::test]
async fn nothing_is_answered_without_a_good_token() {
    let api = Api::start().await;
    let body = json!({ "query": "{ __typename }" });
    let (status, error) = answer(api.request(Method::POST, "/graphql").json(&body)).await;
    assert_eq!(
        (status, &error["errors"][0]["extensions"]["code"]),
        (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED"))
    );
    let calls = [
        (Method::GET, "/tasks"),
        (Method::GET, "/tasks/types"),
        (Method::GET, "/tasks/workers/status"),
        (Method::GET, "/tasks/x"),
        (Method::GET, "/tasks/x/result"),
        (Method::POST, "/tasks/submit"),
        (Method::DELETE, "/tasks/x/cancel"),
        (Method::DELETE, "/tasks/x"),
    ];
    for (method, path) in calls {
        let (status, error) = answer(api.request(method.clone(), path)).await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (StatusCode::UNAUTHORIZED, &json!("AUTH_001")),
            "{path}"
        );
        let (status, _) = answer(api.request(method, path).bearer_auth("x.y.z")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let response = api.request(Method::GET, "/tasks").send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"ctutor\"");
}
