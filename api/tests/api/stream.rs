use ctutor_api::Options;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::harness::Api;

const STREAM: &str = "subscription ($id: ID!, $after: String, $heartbeats: Boolean! = true) {
    workflowStream(id: $id, after: $after, heartbeats: $heartbeats) {
        __typename
        ... on StreamItem { cursor at }
        ... on WorkflowSnapshot { workflow { status historyLength pendingActivities { id } } }
        ... on HistoryAppended { events { sequence type } workflow { status } }
        ... on ActivityProgressed { activity { type attempt heartbeat { sequence progress completed total message } } }
        ... on StreamReset { reason }
        ... on StreamEnded { workflow { status result } }
    }
}";

fn kind(item: &Value) -> &str {
    item["__typename"].as_str().unwrap()
}

/// The items without their wrapping.
fn unwrap(items: Vec<Value>) -> Vec<Value> {
    items
        .into_iter()
        .map(|mut item| {
            assert_eq!(item.get("errors"), None, "{item:#}");
            item["data"]["workflowStream"].take()
        })
        .collect()
}

/// Sequence numbers of all events, in the order they came.
fn sequences(items: &[Value]) -> Vec<i64> {
    let events = items.iter().filter_map(|item| item["events"].as_array()).flatten();
    events.map(|event| event["sequence"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_gives_a_snapshot_then_every_event_once_then_the_end() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "counting", "input": { "steps": 5 } })).await;
    let items = unwrap(root.items(STREAM, json!({ "id": run["id"] })).await);
    assert_eq!(kind(&items[0]), "WorkflowSnapshot");
    let seen = items[0]["workflow"]["historyLength"].as_i64().unwrap();
    assert_eq!(sequences(&items), (seen + 1..=5).collect::<Vec<_>>());
    let last = items.last().unwrap();
    assert_eq!((kind(last), &last["workflow"]["status"]), ("StreamEnded", &json!("COMPLETED")));
    assert_eq!(last["workflow"]["result"], 5);

    let beats: Vec<_> = items.iter().filter(|item| kind(item) == "ActivityProgressed").collect();
    assert!(!beats.is_empty());
    let done: Vec<_> =
        beats.iter().map(|beat| beat["activity"]["heartbeat"]["progress"].as_f64().unwrap()).collect();
    assert!(done.is_sorted() && done.iter().all(|share| (0.0..=1.0).contains(share)), "{done:?}");
    assert!(beats.iter().all(|beat| beat["cursor"].is_null() && beat["at"].is_string()));
    assert_eq!(beats[0]["activity"]["heartbeat"]["message"], "counting");
}

#[tokio::test]
async fn a_stream_goes_on_from_any_cursor_without_gap_or_repeat() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "counting", "input": { "steps": 1 } })).await;
    root.finished(&run).await;
    let query =
        "query ($id: ID!) { node(id: $id) { ... on WorkflowExecution { history { edges { cursor } } } } }";
    let history = root.data(query, json!({ "id": run["id"] })).await["node"]["history"]["edges"].take();
    for (position, edge) in history.as_array().unwrap().iter().enumerate() {
        let after = json!({ "id": run["id"], "after": edge["cursor"] });
        let items = unwrap(root.items(STREAM, after).await);
        let first = i64::try_from(position).unwrap() + 2;
        assert_eq!(sequences(&items), (first..=5).collect::<Vec<_>>());
        assert!(items.iter().all(|item| kind(item) != "WorkflowSnapshot"));
        assert_eq!(kind(items.last().unwrap()), "StreamEnded");
        assert_eq!(items.last().unwrap()["cursor"], history[4]["cursor"]);
    }
}

#[tokio::test]
async fn a_payload_with_line_breaks_stays_one_event() {
    const BROKEN_UP: &str = "{\n\"a\":\r[1,\r\n2],\n\n\"b\":\r\r\"x\\n\"\r\n\r\n}";
    let api = Api::start().await;
    let root = api.admin();
    let body = format!(r#"{{"task_name":"mirror","workflow_id":"broken-up","parameters":{BROKEN_UP}}}"#);
    let submit = root.request(Method::POST, "/tasks/submit").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(submit.body(body).send().await.unwrap().status(), StatusCode::OK);
    root.finished(&json!({ "workflowId": "broken-up" })).await;
    let find = "{ workflow(workflowId: \"broken-up\") { id } }";
    let run = root.data(find, json!({})).await["workflow"].take();
    let query = "subscription ($id: ID!) { workflowStream(id: $id) {
        ... on WorkflowSnapshot { workflow { input result history { nodes { attributes } } } }
        ... on StreamEnded { workflow { result } }
    } }";
    let items = unwrap(root.items(query, json!({ "id": run["id"] })).await);
    let written: Value = serde_json::from_str(BROKEN_UP).unwrap();
    let workflow = &items[0]["workflow"];
    assert_eq!((&workflow["input"], &workflow["result"]), (&written, &written));
    assert_eq!(workflow["history"]["nodes"][0]["attributes"]["input"], written);
    assert_eq!(items.last().unwrap()["workflow"]["result"], written);
}

#[tokio::test]
async fn a_stream_without_heartbeats_has_none() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "counting", "input": { "steps": 3 } })).await;
    let items = unwrap(root.items(STREAM, json!({ "id": run["id"], "heartbeats": false })).await);
    assert!(items.iter().all(|item| kind(item) != "ActivityProgressed"));
    assert_eq!(kind(items.last().unwrap()), "StreamEnded");
}

#[tokio::test]
async fn a_cancellation_is_seen_live() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "waiting", "input": null })).await;
    let mut stream = root.stream(STREAM, json!({ "id": run["id"] })).await;
    let mut items = vec![stream.next().await.unwrap()];
    let cancel = "mutation ($input: StopWorkflowInput!) { cancelWorkflow(input: $input) { changed } }";
    root.data(cancel, json!({ "input": { "workflow": { "id": run["id"] } } })).await;
    items.extend(stream.collect::<Vec<_>>().await);
    let items = unwrap(items);
    let types = items.iter().filter_map(|item| item["events"].as_array()).flatten();
    let types: Vec<_> = types.map(|event| event["type"].as_str().unwrap()).collect();
    assert!(types.contains(&"WORKFLOW_EXECUTION_CANCEL_REQUESTED"), "{types:?}");
    assert_eq!(types.last(), Some(&"WORKFLOW_EXECUTION_CANCELED"));
    assert_eq!(items.last().unwrap()["workflow"]["status"], "CANCELED");
}

#[tokio::test]
async fn a_cursor_of_another_run_or_none_is_refused() {
    let api = Api::start().await;
    let root = api.admin();
    let one = root.started(json!({ "type": "echo" })).await;
    let other = root.started(json!({ "type": "echo" })).await;
    let items = unwrap(root.items(STREAM, json!({ "id": one["id"] })).await);
    for after in [items[0]["cursor"].as_str().unwrap(), "nonsense"] {
        let items = root.items(STREAM, json!({ "id": other["id"], "after": after })).await;
        assert_eq!(items[0]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{items:#?}");
        assert_eq!(items[0]["errors"][0]["extensions"]["argument"], "after");
        assert_eq!(items.len(), 1);
    }
}

#[tokio::test]
async fn the_history_of_a_run_in_an_item_ends_where_the_run_was_seen() {
    const QUERY: &str = "subscription ($id: ID!, $after: String) {
        workflowStream(id: $id, after: $after, heartbeats: false) {
            __typename
            ... on StreamItem { at }
            ... on HistoryAppended {
                events { attributes }
                workflow { status historyLength history(first: 500) { nodes { sequence } totalCount } }
            }
            ... on StreamEnded { workflow { closedAt historyLength } }
        }
    }";
    // Far more than the sockets hold: most items are made when the client reads on.
    let input = json!({ "text": "x".repeat(1_000_000), "times": 7 });
    let mut options = Options { response_bytes_max: 8 * 1024 * 1024, ..Options::default() };
    options.transport.sse.queue_events_max = 1;
    let api = Api::start_with(options).await;
    let root = api.admin();
    let run = root.started(json!({ "type": "repeating_then_waiting", "input": input })).await;
    let mut live = root.stream(STREAM, json!({ "id": run["id"], "heartbeats": false })).await;
    let is_at_rest = |item: &Value| item.to_string().contains("TIMER_STARTED");
    while !is_at_rest(&live.next().await.expect("the run goes on until it waits")) {}
    let first = "query ($id: ID!) { node(id: $id) {
        ... on WorkflowExecution { history(first: 1) { edges { cursor } } }
    } }";
    let after = root.data(first, json!({ "id": run["id"] })).await["node"]["history"]["edges"][0].take();
    let mut stream = root.stream(QUERY, json!({ "id": run["id"], "after": after["cursor"] })).await;
    let mut items = vec![stream.next().await.unwrap()];
    let cancel = "mutation ($input: StopWorkflowInput!) { cancelWorkflow(input: $input) { changed } }";
    root.data(cancel, json!({ "input": { "workflow": { "id": run["id"] } } })).await;
    while live.next().await.is_some() {}
    items.extend(stream.collect::<Vec<_>>().await);

    let items = unwrap(items);
    let ended = &items.last().unwrap()["workflow"];
    let time = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    // The run was read before it went on, and its history after that.
    let late: Vec<_> = items
        .iter()
        .filter(|item| kind(item) == "HistoryAppended" && item["workflow"]["status"] == "RUNNING")
        .filter(|item| time(&item["at"]) >= time(&ended["closedAt"]))
        .collect();
    assert!(!late.is_empty(), "no item was made after the end of the run");
    for item in late {
        let workflow = &item["workflow"];
        let length = workflow["historyLength"].as_i64().unwrap();
        assert!(length < ended["historyLength"].as_i64().unwrap());
        let events = workflow["history"]["nodes"].as_array().unwrap().iter();
        let sequences: Vec<_> = events.map(|event| event["sequence"].as_i64().unwrap()).collect();
        assert_eq!(sequences, (1..=length).collect::<Vec<_>>());
        assert_eq!(workflow["history"]["totalCount"], length);
    }
}
