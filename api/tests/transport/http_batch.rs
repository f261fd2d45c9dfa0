//! Batches: several requests in one body.

use std::sync::atomic::Ordering;

use reqwest::StatusCode;
use serde_json::json;

use crate::http::{json_of, post, query, server};
use crate::http_errors::{is, refused};

#[tokio::test]
async fn a_batch_answers_in_order() {
    let server = server().await;
    let batch = json!([
        query("mutation { increment }"),
        query("{ nope }"),
        query("mutation { increment }"),
        query("{"),
        query("subscription { count(to: 1) }"),
    ]);
    let (status, answers) = json_of(post(&server).json(&batch)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answers[0], json!({ "data": { "increment": 1 } }));
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(answers[2], json!({ "data": { "increment": 2 } }));
    assert_eq!(answers[3]["errors"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    assert_eq!(answers[4]["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    let told = "a batch cannot contain subscriptions; send each alone, with the header `Accept: text/event-stream` or over \
                a WebSocket";
    assert_eq!(answers[4]["errors"][0]["message"], told);
}

#[tokio::test]
async fn a_faulty_request_of_a_batch_is_told_with_its_index() {
    let server = server().await;
    let batch = json!([query("{ hello }"), query("mutation { increment }"), { "query": null }]);
    let (status, answer) = json_of(post(&server).json(&batch)).await;
    assert_eq!((status.as_u16(), &answer["errors"][0]["extensions"]["index"]), (400, &json!(2)), "{answer}");
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_batch_is_not_streamed() {
    let server = server().await;
    let batch = json!([query("mutation { increment }")]);
    let request = post(&server).header("accept", "text/event-stream").json(&batch);
    let (status, answer) = json_of(request).await;
    let error = &answer["errors"][0];
    assert_eq!((status.as_u16(), &error["extensions"]["code"]), (406, &json!("NOT_ACCEPTABLE")));
    let told = "a batch is not answered as `text/event-stream`; accept `application/json` or \
                `application/graphql-response+json` as well, or send its requests one by one";
    assert_eq!(error["message"], told);
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn batches_have_a_bound() {
    let server = server().await;
    let batch: Vec<_> = (0..6).map(|_| query("mutation { increment }")).collect();
    assert_eq!(refused(post(&server).json(&batch)).await, is(400, "BATCH_TOO_LARGE"));
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
}
