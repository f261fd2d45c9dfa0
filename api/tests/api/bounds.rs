//! What an answer may cost, and what is said when that is too much.

use serde_json::{Value, json};

use crate::harness::Api;

const MEBIBYTE: usize = 1024 * 1024;

/// The same selection under several names.
fn aliases(count: usize, selection: &str) -> String {
    let fields: Vec<_> = (0..count).map(|n| format!("a{n}: {selection}")).collect();
    format!("{{ {} }}", fields.join(" "))
}

#[tokio::test]
async fn the_payloads_of_an_answer_are_bounded_together() {
    let api = Api::start_with(ctutor_api::Options { response_bytes_max: 0, ..Default::default() }).await;
    let root = api.admin();
    let text = "x".repeat(MEBIBYTE);
    let run = root.started(json!({ "type": "echo", "workflowId": "w", "input": { "text": text } })).await;
    root.finished(&run).await;
    for field in ["input", "result", "history(first: 1) { nodes { attributes } }"] {
        let selection = format!("workflow(workflowId: \"w\") {{ {field} }}");
        root.data(&aliases(7, &selection), json!({})).await;
        let error = root.error(&aliases(9, &selection), json!({})).await;
        assert_eq!(
            error["extensions"],
            json!({ "code": "RESPONSE_TOO_LARGE", "limit": "RESPONSE_BYTES", "allowed": 8 * MEBIBYTE }),
            "{field}"
        );
    }
}

#[tokio::test]
async fn each_item_of_a_stream_has_a_bound_of_its_own_and_its_events_fit() {
    let api = Api::start_with(ctutor_api::Options { response_bytes_max: 0, ..Default::default() }).await;
    let root = api.admin();
    let text = "x".repeat(2 * MEBIBYTE - 1_000);
    let run = root.started(json!({ "type": "repeating", "input": { "text": text, "times": 3 } })).await;
    root.finished(&run).await;
    let query = "query ($id: ID!) { node(id: $id) { ... on WorkflowExecution { history(first: 1) { edges { cursor } } } } }";
    let history = root.data(query, json!({ "id": run["id"] })).await["node"]["history"].take();
    let stream = "subscription ($id: ID!, $after: String) { workflowStream(id: $id, after: $after) {
        __typename
        ... on HistoryAppended { events { sequence attributes } }
    } }";
    let items = root.items(stream, json!({ "id": run["id"], "after": history["edges"][0]["cursor"] })).await;
    assert!(items.iter().all(|item| item.get("errors").is_none()));
    let bytes = |item: &Value| item.to_string().len();
    assert!(items.iter().map(bytes).sum::<usize>() > 8 * MEBIBYTE, "too little to show anything");
    let events =
        items.iter().filter_map(|item| item["data"]["workflowStream"]["events"].as_array()).flatten();
    let sequences: Vec<_> = events.map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences, (2..=sequences.len() as i64 + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_costs_what_it_asks_for() {
    let api = Api::start().await;
    let root = api.admin();
    let query = "query ($first: Int, $last: Int) { workflows(first: $first, last: $last) {
        nodes { history(first: 500) { nodes { type } } }
    } }";
    for cheap in [json!({ "first": 1 }), json!({ "last": 1 }), json!({ "first": 10 })] {
        root.data(query, cheap).await;
    }
    for (dear, found) in
        [(json!({}), 20_041), (json!({ "first": 100 }), 100_201), (json!({ "last": 20 }), 20_041)]
    {
        let error = root.error(query, dear.clone()).await;
        assert_eq!(
            error["extensions"],
            json!({ "code": "DOCUMENT_TOO_COMPLEX", "limit": "COMPLEXITY", "found": found, "allowed": 20_000 }),
            "{dear}"
        );
    }
}
