//! Who has no good token gets nothing, on any transport.

use ctutor_tests::{client::Client, wait};
use serde_json::json;

use crate::{deployment::Deployment, runs::count};

in_both_shapes!(nothing_is_done_without_a_good_token);

/// Close code for a connection whose token is refused.
const FORBIDDEN: u16 = 4403;

const STREAM: &str = "subscription ($id: ID!) { workflowStream(id: $id) { __typename } }";

async fn nothing_is_done_without_a_good_token(deployment: &mut Deployment) {
    let (root, stranger) = (deployment.root(), deployment.stranger());
    let good = deployment.token("admin", "root", "1h").unwrap();
    let (body, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    let expiring = stranger.clone().with_token(deployment.token("admin", "root", "1s").unwrap());
    let clients = [
        ("none", stranger.clone()),
        ("no token", stranger.clone().with_token("secret")),
        ("forged", stranger.clone().with_token(forged)),
        ("expired", expired(expiring).await),
    ];
    for (name, client) in &clients {
        refused(name, client).await;
    }
    assert_eq!(count(&root).await.unwrap(), 0);
    // What says nothing about runs needs no token.
    for path in ["/healthz", "/readyz"] {
        assert!(stranger.get(path).await.unwrap().status.is_success(), "{path}");
    }
}

/// The client, once its token is over.
async fn expired(client: Client) -> Client {
    wait::until_async("the end of the token", async || {
        Ok((client.get("/tasks").await?.status.as_u16() == 401).then_some(()))
    })
    .await
    .unwrap();
    client
}

async fn refused(name: &str, client: &Client) {
    let start = "mutation { startWorkflow(input: { type: \"example_long_running\" }) { created } }";
    for document in [start, "{ viewer { subject } }", "{ workers { totalCount } }"] {
        let answer = client.execute(document, json!({})).await.unwrap();
        assert_eq!(answer.status.as_u16(), 401, "{name}: {answer:?}");
        assert_eq!(answer.body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{name}");
        assert_eq!(answer.body.get("data"), None, "{name}");
    }
    let submission = json!({ "task_name": "example_long_running" });
    let answers = [
        client.post("/tasks/submit", &submission).await.unwrap(),
        client.get("/tasks").await.unwrap(),
        client.get("/tasks/types").await.unwrap(),
        client.get("/tasks/workers/status").await.unwrap(),
        client.delete("/tasks/x/cancel").await.unwrap(),
    ];
    for answer in answers {
        let found = (answer.status.as_u16(), &answer.body["error"]["code"]);
        assert_eq!(found, (401, &json!("AUTH_001")), "{name}: {answer:?}");
    }
    let variables = json!({ "id": "wfr_01234567-89ab-7cde-8f01-23456789abcd" });
    let socket = client.subscribe(STREAM, variables.clone()).await.unwrap_err();
    assert_eq!(socket.close_code(), Some(FORBIDDEN), "{name}: {socket}");
    let events = client.event_stream(STREAM, variables).await.unwrap_err();
    assert!(events.to_string().contains("401"), "{name}: {events}");
}
