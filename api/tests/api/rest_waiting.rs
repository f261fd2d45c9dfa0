//! How a wait for a result ends: with the task, or with an error that says why it could not go on.

use std::time::Duration;

use ctutor_api::{Options, Role, Server, TokenSigner, TokenVerifier};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::harness::{Api, SECRET, answer};

/// A task that only a call can end.
async fn start_endless(api: &Api) {
    api.admin().started(json!({ "type": "waiting", "input": null, "workflowId": "endless" })).await;
}

fn code(error: &Value) -> &str {
    error["error"]["code"].as_str().unwrap_or_else(|| panic!("not an error: {error:#}"))
}

#[tokio::test]
async fn a_wait_without_a_timeout_lasts_until_the_task_is_stopped() {
    let api = Api::start().await;
    start_endless(&api).await;
    let root = api.admin();
    let asked = tokio::spawn(answer(root.request(Method::GET, "/tasks/endless/result")));
    // It waits on while another, who asked for a timeout, is answered.
    assert_eq!(root.get("/tasks/endless/result?timeout=1").await.0, StatusCode::ACCEPTED);
    assert!(!asked.is_finished());
    root.rest(Method::DELETE, "/tasks/endless/cancel").await;
    let (status, result) = asked.await.unwrap();
    assert_eq!((status, &result["status"]), (StatusCode::OK, &json!("cancelled")));
}

#[tokio::test]
async fn a_wait_ends_with_the_token_of_the_caller() {
    let api = Api::start().await;
    start_endless(&api).await;
    for query in ["", "?timeout=60"] {
        let root = api.admin_for(Duration::from_secs(2));
        let (status, error) = root.get(&format!("/tasks/endless/result{query}")).await;
        assert_eq!((status, code(&error)), (StatusCode::UNAUTHORIZED, "AUTH_001"));
        let message = error["detail"].as_str().unwrap();
        assert!(message.starts_with("the bearer token expired at "), "{message}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_server() {
    let api = Api::start().await;
    start_endless(&api).await;
    // A server beside the one of the harness, whose listener stays: the call may come before the stop or after it.
    let secret = SECRET.to_owned().into();
    let verifier = TokenVerifier::new(&secret).unwrap();
    let shutdown = CancellationToken::new();
    let server = Server::new(api.engine.client(), verifier, Options::default(), shutdown.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tasks/endless/result", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, server.router()).into_future());

    let token = TokenSigner::new(&secret).unwrap().create("root", Role::Admin, Duration::from_secs(600));
    let request = reqwest::Client::new().get(url).bearer_auth(token.unwrap());
    let asked = tokio::spawn(answer(request));
    shutdown.cancel();
    let (status, error) = asked.await.unwrap();
    assert_eq!((status, code(&error)), (StatusCode::SERVICE_UNAVAILABLE, "EXT_004"));
    assert_eq!(error["detail"], "the server is stopping and the task has not ended yet; repeat the call");
}
