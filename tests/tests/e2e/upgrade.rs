//! Databases of older versions: what is in them is still there, and what is open in them goes on.

use serde_json::json;

use crate::{
    deployment::Deployment,
    runs::{Run, ended, event_types, find},
};

/// The schemas that were released, each with a database of it in `tests/fixtures`.
const RELEASED: &[&str] = &["m20261122_000001_engine"];

/// The runs of each kept database: workflow ID and state in which the present version leaves them.
const RUNS: &[(&str, &str)] = &[
    ("completed", "COMPLETED"),
    ("failed", "FAILED"),
    ("canceled", "CANCELED"),
    ("terminated", "TERMINATED"),
    ("delayed", "COMPLETED"),
    ("running", "COMPLETED"),
];

#[tokio::test]
async fn an_older_database_opens_on_sqlite() {
    for released in RELEASED {
        let deployment = Deployment::sqlite_kept(released).await.unwrap();
        everything_is_there_and_goes_on(&deployment).await;
        deployment.finish().unwrap();
    }
}

#[tokio::test]
async fn an_older_database_opens_on_postgres() {
    for released in RELEASED {
        let deployment = Deployment::cluster_kept(released).await.unwrap();
        everything_is_there_and_goes_on(&deployment).await;
        deployment.finish().unwrap();
    }
}

async fn everything_is_there_and_goes_on(deployment: &Deployment) {
    let root = deployment.root();
    let data =
        root.data("{ workflows(first: 20) { nodes { id workflowId owner } } }", json!({})).await.unwrap();
    let found = data["workflows"]["nodes"].as_array().unwrap();
    assert_eq!(found.len(), RUNS.len(), "{found:#?}");
    for (workflow_id, status) in RUNS {
        let accepted = found.iter().find(|run| run["workflowId"] == *workflow_id).unwrap();
        assert_eq!(accepted["owner"], "ada");
        let id = accepted["id"].as_str().unwrap().to_owned();
        let run = Run { id, workflow_id: (*workflow_id).to_owned(), accepted: accepted.clone() };
        let shown = ended(&root, &run).await.unwrap();
        assert_eq!(shown["status"], *status, "{shown:#}");
        assert_eq!(event_types(&shown)[0], "WORKFLOW_EXECUTION_STARTED", "{shown:#}");
        assert_eq!(find(&root, &run.id).await.unwrap()["history"], shown["history"]);
    }
    let resumed = root.data(RESUMED, json!({ "id": "running" })).await.unwrap();
    let activity = &resumed["workflow"]["activities"]["nodes"][0];
    // The worker of the first attempt was killed, and its checkpoint was taken over.
    assert_eq!((&activity["attempt"], &activity["status"]), (&json!(2), &json!("COMPLETED")), "{resumed:#}");
}

const RESUMED: &str =
    "query ($id: String!) { workflow(workflowId: $id) { activities { nodes { attempt status } } } }";
