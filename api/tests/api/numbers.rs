//! The JSON of a run over every way in and out, as the real command line, scripts and front ends go them, on both
//! databases: the same text everywhere, or a refusal that names the place and leaves nothing behind.

use ctutor_api::Options;
use ctutor_engine::payload::strict::DEPTH_MAX;
use ctutor_tests::{
    postgres,
    process::{Ctutor, Finished},
};
use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::harness::{Api, Person};

/// Short enough to be whole in a line of the history.
const KEPT: &str = r#"{"m":1E2,"z":-0,"a":[2.50,1e-07,18446744073709551615],"b":"\u0000","é":{}}"#;

/// What cannot be kept, with the steps of the path, and what is said of it.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (r#"{"n":18446744073709551616,"m":1E2}"#, &["n"], "18446744073709551616"),
    (r#"{"a":[{"d":0.1234567890123456789}]}"#, &["a", "0", "d"], "0.1234567890123456789"),
    (r#"{"z":-0,"e":1e-400}"#, &["e"], "1e-400"),
    (r#"{"x":{"y":1,"\u0079":2}}"#, &["x", "y"], "the key `y` appears twice"),
    (r#"{"x":["a\ud800"]}"#, &["x", "0"], "an escape that is not a character"),
];

/// Fields with payloads. The history has input and result once more.
const PAYLOADS: &str = "input memo searchAttributes result history { nodes { attributes } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_the_same_text_on_every_way_sqlite() {
    the_same_text_on_every_way(&Api::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_the_same_text_on_every_way_postgres() {
    let database = postgres::create_database().unwrap();
    the_same_text_on_every_way(&on(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_refused_on_every_way_sqlite() {
    refused_on_every_way(&Api::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_refused_on_every_way_postgres() {
    let database = postgres::create_database().unwrap();
    refused_on_every_way(&on(&database).await).await;
}

async fn on(database: &postgres::Database) -> Api {
    Api::start_on(database.url(), Options::default(), tempfile::tempdir().unwrap()).await
}

async fn the_same_text_on_every_way(api: &Api) {
    let root = api.admin();
    let start = ["workflow", "start", "mirror", "--id", "waited", "--input", KEPT, "--wait"];
    assert_eq!(compact(&run(&root, &start)), KEPT);
    let start = ["workflow", "start", "mirror", "--id", "followed", "--input", KEPT, "--follow"];
    let followed = command(&root, &start);
    assert_eq!(compact(&followed.stdout), KEPT, "{followed:?}");
    assert!(followed.stderr.contains(&format!("result {KEPT}")), "{followed:?}");
    let start = ["workflow", "start", "mirror", "--id", "streamed", "--input", KEPT, "--follow", "--json"];
    assert!(run(&root, &start).contains(KEPT));

    let fields = format!(r#"{KEPT},"memo":{KEPT},"searchAttributes":{KEPT}"#);
    let answer = text(&root, Method::POST, "/graphql", Some(by_variables("variables", &fields))).await;
    assert_eq!(answer.matches(KEPT).count(), 3, "{answer}");
    let literal =
        KEPT.replace("\"m\"", "m").replace("\"z\"", "z").replace("\"a\"", "a").replace("\"b\"", "b");
    let literal = literal.replace(",\"é\":{}", "");
    let document = format!(
        r#"mutation {{ startWorkflow(input: {{ type: "mirror", workflowId: "literal", input: {literal},
        memo: {literal}, searchAttributes: {literal} }}) {{ created userErrors {{ message }} }} }}"#
    );
    let answer = text(&root, Method::POST, "/graphql", Some(json!({ "query": document }).to_string())).await;
    assert!(answer.contains(r#""created":true"#), "{answer}");
    let body = format!(r#"{{"task_name":"mirror","workflow_id":"rest","parameters":{KEPT}}}"#);
    text(&root, Method::POST, "/tasks/submit", Some(body)).await;

    for (id, in_fields) in
        [("waited", 2), ("followed", 2), ("streamed", 2), ("variables", 4), ("literal", 4), ("rest", 2)]
    {
        let kept = if id == "literal" { KEPT.replace(",\"é\":{}", "") } else { KEPT.to_owned() };
        came_out(&root, id, &kept, in_fields).await;
    }
    let list = text(&root, Method::GET, "/tasks", None).await;
    assert_eq!(list.matches(&format!(r#""kwargs":{KEPT},"#)).count(), 5, "{list}");

    // What stands around a value on its way is not its own depth.
    let deepest = nested(DEPTH_MAX);
    let start = ["workflow", "start", "mirror", "--input", &deepest, "--wait"];
    assert_eq!(compact(&run(&root, &start)), deepest);
    let answer = text(&root, Method::POST, "/graphql", Some(by_variables("deepest", &deepest))).await;
    assert!(answer.contains(&format!(r#""input":{deepest}"#)), "{answer}");
    let body = format!(r#"{{"task_name":"mirror","workflow_id":"deep","parameters":{deepest}}}"#);
    text(&root, Method::POST, "/tasks/submit", Some(body)).await;
    let result = text(&root, Method::GET, "/tasks/deep/result?timeout=60", None).await;
    assert!(result.contains(&format!(r#""result":{deepest},"#)), "{result}");
}

/// Looks at a run in all ways. The value is so often in its fields, and twice in its history.
async fn came_out(root: &Person<'_>, id: &str, kept: &str, in_fields: usize) {
    let count = |text: &str| compact(text).matches(kept).count();
    let result = text(root, Method::GET, &format!("/tasks/{id}/result?timeout=60"), None).await;
    assert!(result.contains(&format!(r#""result":{kept},"#)), "{result}");
    let task = text(root, Method::GET, &format!("/tasks/{id}"), None).await;
    assert!(task.contains(&format!(r#""kwargs":{kept},"#)), "{task}");

    let shown = run(root, &["workflow", "show", id]);
    assert_eq!(count(&shown), in_fields, "{shown}");
    let shown = run(root, &["workflow", "show", id, "--history"]);
    assert_eq!(shown.matches(&format!("put {kept}")).count(), 1, "{shown}");
    assert_eq!(shown.matches(&format!("result {kept}")).count(), 1, "{shown}");
    let shown = run(root, &["workflow", "show", id, "--json"]);
    assert_eq!(count(&shown), in_fields, "{shown}");
    let shown = run(root, &["workflow", "show", id, "--history", "--json"]);
    assert_eq!(count(&shown), in_fields + 2, "{shown}");
    let followed = command(root, &["workflow", "follow", id]);
    assert_eq!(compact(&followed.stdout), kept, "{followed:?}");

    let query = format!(r#"{{ workflow(workflowId: "{id}") {{ id {PAYLOADS} }} }}"#);
    let found = text(root, Method::POST, "/graphql", Some(json!({ "query": query }).to_string())).await;
    assert_eq!(found.matches(kept).count(), in_fields + 2, "{found}");
    let run_id = serde_json::from_str::<Value>(&found).unwrap()["data"]["workflow"]["id"].take();
    let stream = format!(
        "subscription {{ workflowStream(id: {run_id}) {{ __typename
        ... on WorkflowSnapshot {{ workflow {{ {PAYLOADS} }} }} ... on StreamEnded {{ workflow {{ {PAYLOADS} }} }} }} }}"
    );
    let body = json!({ "query": stream }).to_string();
    let request = root.request(Method::POST, "/graphql").header(header::CONTENT_TYPE, "application/json");
    let request = request.header(header::ACCEPT, "text/event-stream").body(body.clone());
    let events = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(events.matches(kept).count(), 2 * (in_fields + 2), "{events}");
    let messages = over_socket(root, &body).await;
    assert_eq!(messages.matches(kept).count(), 2 * (in_fields + 2), "{messages}");
}

async fn refused_on_every_way(api: &Api) {
    let root = api.admin();
    let deep = nested(DEPTH_MAX + 1);
    let path = vec!["x"; DEPTH_MAX];
    let refused =
        REFUSED.iter().copied().chain([(deep.as_str(), path.as_slice(), "nested deeper than 100 levels")]);
    for (value, path, said) in refused {
        let place = path.join(".");
        let failed = command(&root, &["workflow", "start", "mirror", "--input", value]);
        assert_eq!((failed.status, failed.stdout.as_str()), (2, ""), "{failed:?}");
        assert!(
            failed.stderr.contains(&format!("at `{place}` (line 1, ")) && failed.stderr.contains(said),
            "{failed:?}"
        );

        let steps: Vec<Value> = path
            .iter()
            .map(|step| step.parse::<u32>().map_or_else(|_| json!(step), |index| json!(index)))
            .collect();
        for field in ["input", "memo", "searchAttributes"] {
            let body = match field {
                "input" => by_variables("refused", value),
                _ => by_variables("refused", &format!(r#"{{}},"{field}":{value}"#)),
            };
            let answer = text(&root, Method::POST, "/graphql", Some(body.clone())).await;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let error = &answer["errors"][0];
            assert!(error["message"].as_str().unwrap().contains(said), "{answer}");
            let path = [vec![json!(field)], steps.clone()].concat();
            assert_eq!(error["extensions"]["path"], json!(path), "{answer}");
            // The other transports say the same of the same request.
            let messages = over_socket(&root, &body).await;
            let message: Value = serde_json::from_str(messages.trim()).unwrap();
            assert_eq!((&message["type"], &message["payload"]), (&json!("error"), &answer["errors"]));
        }
        let body = format!(r#"{{"task_name":"mirror","parameters":{value}}}"#);
        let answer = text(&root, Method::POST, "/tasks/submit", Some(body)).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"]["details"]["field"], format!("parameters.{place}"), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(said), "{answer}");
    }
    let runs = root.data("{ workflows { totalCount } }", json!({})).await;
    assert_eq!(runs["workflows"]["totalCount"], 0, "something was stored");
}

/// The body of a start whose input, and what else stands after it, is this text.
fn by_variables(id: &str, input: &str) -> String {
    const START: &str = "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) {
        workflow { input memo searchAttributes } userErrors { message path } } }";
    let query = Value::from(START);
    format!(
        r#"{{"query":{query},"variables":{{"input":{{"type":"mirror","workflowId":"{id}","input":{input}}}}}}}"#
    )
}

async fn text(person: &Person<'_>, method: Method, path: &str, body: Option<String>) -> String {
    let request = person.request(method, path).header(header::CONTENT_TYPE, "application/json");
    request.body(body.unwrap_or_default()).send().await.unwrap().text().await.unwrap()
}

/// Runs the real program as this person, to its end.
fn command(person: &Person<'_>, args: &[&str]) -> Finished {
    let command = Ctutor::new(args).env("CTUTOR_URL", person.base()).env("CTUTOR_TOKEN", person.token());
    tokio::task::block_in_place(|| command.finish()).unwrap()
}

/// What a command printed that must succeed.
fn run(person: &Person<'_>, args: &[&str]) -> String {
    let finished = command(person, args);
    assert_eq!(finished.status, 0, "{args:?}: {finished:?}");
    finished.stdout
}

/// The messages of an operation of its own socket, a line each, without the last one if that is `complete`.
async fn over_socket(person: &Person<'_>, body: &str) -> String {
    let url = format!("{}/graphql", person.base().replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = connect_async(request).await.unwrap();
    let init = json!({ "type": "connection_init", "payload": { "token": person.token() } });
    let subscribe = format!(r#"{{"type":"subscribe","id":"1","payload":{body}}}"#);
    for message in [init.to_string(), subscribe] {
        socket.send(Message::text(message)).await.unwrap();
    }
    let mut messages = String::new();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.unwrap() else { continue };
        match serde_json::from_str::<Value>(&text).unwrap()["type"].as_str().unwrap() {
            "complete" => break,
            "connection_ack" => {}
            "error" => return text.to_string(),
            _ => messages += &format!("{text}\n"),
        }
    }
    messages
}

/// A value of so many levels.
fn nested(levels: usize) -> String {
    format!("{}1{}", r#"{"x":"#.repeat(levels), "}".repeat(levels))
}

/// JSON for people, made compact again: no string of these tests has white space.
fn compact(text: &str) -> String {
    text.split_whitespace().collect()
}
