//! What an answer may cost, and what is said when that is too much.

use ctutor_api::{ListBounds, Options};
use ctutor_engine::client::Limits;
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
    let api = Api::start_with(Options { response_bytes_max: 0, ..Default::default() }).await;
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
    let api = Api::start_with(Options { response_bytes_max: 0, ..Default::default() }).await;
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

#[tokio::test]
async fn a_page_costs_the_same_in_every_kind_of_fragment() {
    let api = Api::start_with(Options { complexity_max: 500, ..Options::default() }).await;
    let root = api.admin();
    let page = "history(first: 500) { nodes { type } }";
    for query in [
        format!("{{ node(id: \"wfr_0\") {{ ... on WorkflowExecution {{ {page} }} }} }}"),
        format!("{{ node(id: \"wfr_0\") {{ ...F }} }} fragment F on WorkflowExecution {{ {page} }}"),
        format!(
            "{{ node(id: \"wfr_0\") {{ ...G }} }} fragment G on Node {{ ... on WorkflowExecution {{ {page} }} }}"
        ),
        format!(
            "{{ node(id: \"wfr_0\") {{ ...G }} }} fragment G on Node {{ ...F }} fragment F on WorkflowExecution {{ {page} }}"
        ),
    ] {
        let error = root.error(&query, json!({})).await;
        let extensions = &error["extensions"];
        assert_eq!(
            (&extensions["limit"], &extensions["found"]),
            (&json!("COMPLEXITY"), &json!(1_002)),
            "{query}"
        );
    }
    let stream = format!(
        "subscription {{ workflowStream(id: \"wfr_0\") {{ ...S }} }} fragment S on WorkflowSnapshot {{ workflow {{ {page} }} }}"
    );
    let items = root.items(&stream, json!({})).await;
    assert_eq!(items[0]["errors"][0]["extensions"]["limit"], "COMPLEXITY", "{items:?}");
}

#[tokio::test]
async fn lists_are_as_long_as_the_configuration_says() {
    let lists = ListBounds {
        page_items_max: 150,
        node_ids_max: 2,
        filter_depth_max: 2,
        filters_max: 3,
        filter_values_max: 1,
    };
    let limits = Limits { history_page_items_max: 600, ..Limits::default() };
    let options = Options { lists, complexity_max: 1_000_000, ..Options::default() };
    let api = Api::start_within(options, limits).await;
    let root = api.admin();
    root.started(json!({ "type": "echo", "workflowId": "w" })).await;
    for (query, max) in [
        ("{ workflows(first: N) { totalCount } }", 150),
        ("{ workflows(last: N) { totalCount } }", 150),
        ("{ workers(first: N) { totalCount } }", 150),
        ("{ taskQueues(first: N) { nodes { workers(first: N) { totalCount } } } }", 150),
        ("{ workflowTypes(first: N) { totalCount } }", 150),
        ("{ workflow(workflowId: \"w\") { activities(first: N) { totalCount } } }", 150),
        ("{ workflow(workflowId: \"w\") { history(first: N) { totalCount } } }", 600),
    ] {
        root.data(&query.replace('N', &max.to_string()), json!({})).await;
        for wrong in [max + 1, i32::MAX] {
            let error = root.error(&query.replace('N', &wrong.to_string()), json!({})).await;
            assert_eq!(error["extensions"]["allowed"], format!("1 to {max}"), "{query}");
            assert_eq!(error["extensions"]["max"], max, "{query}");
        }
    }
    for (query, allowed) in [
        ("{ nodes(ids: [1, 2, 3]) { id } }", "at most 2 IDs"),
        ("{ workflows(filter: { and: { and: {} } }) { totalCount } }", "at most 2 levels of filters"),
        ("{ workflows(filter: { or: [{}, {}, {}] }) { totalCount } }", "at most 3 filters in all"),
        ("{ workflows(filter: { types: [\"a\", \"b\"] }) { totalCount } }", "at most 1 value in one list"),
    ] {
        let error = root.error(query, json!({})).await;
        assert_eq!(error["extensions"]["allowed"], allowed, "{error}");
    }
}

#[tokio::test]
async fn a_page_of_the_default_size_keeps_to_a_smaller_maximum() {
    let lists = ListBounds { page_items_max: 1, ..ListBounds::default() };
    let limits = Limits { history_page_items_max: 1, ..Limits::default() };
    let api = Api::start_within(Options { lists, ..Options::default() }, limits).await;
    let root = api.admin();
    for id in ["a", "b"] {
        root.started(json!({ "type": "echo", "workflowId": id })).await;
    }
    let query = "{ workflows { nodes { history { nodes { sequence } } } } workflowTypes { nodes { name } } }";
    let data = root.data(query, json!({})).await;
    for nodes in [
        &data["workflows"]["nodes"],
        &data["workflows"]["nodes"][0]["history"]["nodes"],
        &data["workflowTypes"]["nodes"],
    ] {
        assert_eq!(nodes.as_array().map(Vec::len), Some(1), "{data}");
    }
}
