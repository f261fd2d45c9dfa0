//! Users see what is theirs, and nothing tells them what else there is.

use ctutor_tests::client::Client;
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{Run, find, start, try_start},
    watch::STREAM,
};

in_both_shapes!(others_runs_are_as_if_they_were_not_there);

async fn others_runs_are_as_if_they_were_not_there(deployment: &mut Deployment) {
    let (root, ada, bob) = (deployment.root(), deployment.user("ada"), deployment.user("bob"));
    // It is not due while the test lasts.
    let repository = json!({ "url": "https://git.example/a.git", "commit": "main" });
    let input = json!({
        "type": "student_testing", "delay": "PT1H", "workflowId": "of-ada",
        "input": { "submission": repository, "reference": repository },
    });
    let own = start(&ada, input.clone()).await.unwrap();
    assert_eq!(own.accepted["owner"], "ada");
    let others = start(&root, json!({ "type": "example_long_running", "delay": "PT1H" })).await.unwrap();

    for (client, run) in [(&ada, &own), (&root, &own), (&root, &others)] {
        assert_eq!(find(client, &run.id).await.unwrap()["workflowId"], run.workflow_id.as_str());
        let task = client.get(&format!("/tasks/{}", run.workflow_id)).await.unwrap();
        assert_eq!((task.status.as_u16(), &task.body["status"]), (200, &json!("deferred")));
    }
    assert_eq!(listed(&ada).await, [own.workflow_id.as_str()]);
    assert_eq!(listed(&root).await, [others.workflow_id.as_str(), own.workflow_id.as_str()]);
    assert!(listed(&bob).await.is_empty());
    for (client, run) in [(&bob, &own), (&bob, &others), (&ada, &others)] {
        hidden(client, run).await;
    }
    // An id that is taken by somebody else cannot be told from one that is not free.
    let taken = try_start(&bob, input).await.unwrap();
    assert_eq!((&taken["created"], &taken["workflow"]), (&json!(false), &Value::Null));
    let told = taken.to_string();
    assert!(!told.contains(own.id.trim_start_matches("wfr_")) && !told.contains("ada\""), "{told}");
    assert_eq!(find(&root, &own.id).await.unwrap()["status"], "PENDING");

    // Stopping what is one's own is allowed, deleting it is not.
    let stopped = ada.delete(&format!("/tasks/{}/cancel", own.workflow_id)).await.unwrap();
    assert_eq!(stopped.status.as_u16(), 200, "{stopped:?}");
    let deleted = ada.delete(&format!("/tasks/{}", own.workflow_id)).await.unwrap();
    assert_eq!((deleted.status.as_u16(), &deleted.body["error"]["code"]), (403, &json!("AUTHZ_001")));
}

async fn listed(client: &Client) -> Vec<String> {
    let data = client.data("{ workflows { totalCount nodes { workflowId } } }", json!({})).await.unwrap();
    let nodes = data["workflows"]["nodes"].as_array().unwrap();
    let ids: Vec<String> = nodes.iter().map(|run| run["workflowId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(data["workflows"]["totalCount"], ids.len());
    let list = client.get("/tasks").await.unwrap().body;
    let tasks = list["tasks"].as_array().unwrap();
    assert_eq!(list["total"], ids.len());
    assert!(tasks.iter().map(|task| &task["task_id"]).eq(ids.iter().map(String::as_str)));
    ids
}

/// The answers about a run must be those about one that does not exist.
async fn hidden(client: &Client, run: &Run) {
    let document = "query ($id: ID!, $workflow: String!) {
        node(id: $id) { id } nodes(ids: [$id]) { id } workflow(workflowId: $workflow) { id }
        workflows(filter: { workflowId: $workflow }) { totalCount }
    }";
    let variables = json!({ "id": run.id, "workflow": run.workflow_id });
    let data = client.data(document, variables).await.unwrap();
    let nothing =
        json!({ "node": null, "nodes": [null], "workflow": null, "workflows": { "totalCount": 0 } });
    assert_eq!(data, nothing);

    let mut socket = client.subscribe(STREAM, json!({ "id": run.id })).await.unwrap();
    let refused = socket.next().await.unwrap_err().to_string();
    assert!(refused.contains("NOT_FOUND"), "{refused}");

    let stop = "mutation ($id: ID!, $workflow: String!) {
        cancelWorkflow(input: { workflow: { id: $id } }) { changed userErrors { code } }
        terminateWorkflow(input: { workflow: { workflowId: $workflow } }) { changed userErrors { code } }
    }";
    let data = client.data(stop, json!({ "id": run.id, "workflow": run.workflow_id })).await.unwrap();
    let refused = json!({ "changed": false, "userErrors": [{ "code": "NOT_FOUND" }] });
    assert_eq!(data, json!({ "cancelWorkflow": refused, "terminateWorkflow": refused }));

    let path = format!("/tasks/{}", run.workflow_id);
    let answers = [
        client.get(&path).await.unwrap(),
        client.get(&format!("{path}/status")).await.unwrap(),
        client.get(&format!("{path}/result")).await.unwrap(),
        client.delete(&format!("{path}/cancel")).await.unwrap(),
    ];
    let missing = client.get("/tasks/none").await.unwrap();
    for answer in answers {
        assert_eq!(answer, missing);
    }
}
