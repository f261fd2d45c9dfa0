//! JSON that goes in and comes out again: as it was written, or refused with its place.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Api, Person};

const KEPT: &str =
    r#"{"a":[1E2,-0,2.50,1e-07,18446744073709551615,-9223372036854775808,0.1],"z":{"b":"\u0000","a":null}}"#;

/// What cannot be kept, and where it stands in the value.
const REFUSED: &[(&str, &str)] = &[
    (r#"{"x":[18446744073709551616]}"#, "x.0"),
    (r#"{"x":-9223372036854775809}"#, "x"),
    (r#"{"x":0.1234567890123456789}"#, "x"),
    (r#"{"x":1e-400}"#, "x"),
    (r#"{"x":1e400}"#, "x"),
    (r#"{"x":{"y":1,"y":2}}"#, "x.y"),
    (r#"{"x":"\ud800"}"#, "x"),
    (r#"{"x":{"$serde_json::private::RawValue":"1"}}"#, "x.$serde_json::private::RawValue"),
    (r#"{"x":[{"\u0024serde_json::private::RawValue":"1","b":1}]}"#, "x.0.$serde_json::private::RawValue"),
    (r#"{"x":{"$serde_json::private::Number":"1"}}"#, "x.$serde_json::private::Number"),
];

const START: &str = "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) {
    workflow { workflowId input memo searchAttributes } userErrors { message path } } }";

async fn post(person: &Person<'_>, path: &str, body: String) -> (StatusCode, String) {
    let request = person.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    let response = request.body(body).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

async fn text(person: &Person<'_>, path: &str) -> String {
    person.request(Method::GET, path).send().await.unwrap().text().await.unwrap()
}

fn start_body(field: &str, value: &str) -> String {
    let start = json!({ "type": "mirror", "workflowId": "exact" }).to_string();
    let start = format!(r#"{},"{field}":{value}}}"#, start.trim_end_matches('}'));
    format!(r#"{{"query":{},"variables":{{"input":{start}}}}}"#, Value::from(START))
}

#[tokio::test]
async fn what_graphql_takes_comes_out_as_it_was_written() {
    let api = Api::start().await;
    let root = api.admin();
    let fields = format!(r#"{KEPT},"memo":{KEPT},"searchAttributes":{KEPT}"#);
    let (_, answer) = post(&root, "/graphql", start_body("input", &fields)).await;
    for field in ["input", "memo", "searchAttributes"] {
        assert!(answer.contains(&format!(r#""{field}":{KEPT}"#)), "{answer}");
    }
    let result = text(&root, "/tasks/exact/result?timeout=60").await;
    assert!(result.contains(&format!(r#""result":{KEPT},"#)), "{result}");
    let query = r#"{"query":"{ workflow(workflowId: \"exact\") { input result history { nodes { attributes } } } }"}"#;
    let (_, answer) = post(&root, "/graphql", query.to_owned()).await;
    assert_eq!(answer.matches(KEPT).count(), 4, "{answer}");
}

#[tokio::test]
async fn what_rest_takes_comes_out_as_it_was_written() {
    let api = Api::start().await;
    let root = api.admin();
    let body = format!(r#"{{"task_name":"mirror","workflow_id":"exact","parameters":{KEPT}}}"#);
    let (status, answer) = post(&root, "/tasks/submit", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let result = text(&root, "/tasks/exact/result?timeout=60").await;
    assert!(result.contains(&format!(r#""result":{KEPT},"#)), "{result}");
    for path in ["/tasks/exact", "/tasks"] {
        let task = text(&root, path).await;
        assert!(task.contains(&format!(r#""kwargs":{KEPT},"#)), "{task}");
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_its_place_on_every_way_in() {
    let api = Api::start().await;
    let root = api.admin();
    for (value, place) in REFUSED {
        for field in ["input", "memo", "searchAttributes"] {
            let (_, answer) = post(&root, "/graphql", start_body(field, value)).await;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let (error, extensions) = (&answer["errors"][0], &answer["errors"][0]["extensions"]);
            let message = error["message"].as_str().unwrap();
            // Besides the key there are quotes only around what is no number.
            let (code, said) = match value.matches('"').count() {
                2 => ("BAD_USER_INPUT", "expected a number that fits a 64-bit integer or a double"),
                _ => ("BAD_REQUEST", "`: the "),
            };
            assert!(message.contains(said), "{message}");
            // As in the paths of responses, the positions of a list are integers.
            let step = |step: &str| step.parse::<u32>().map_or_else(|_| json!(step), |index| json!(index));
            let path: Vec<Value> = [field].into_iter().chain(place.split('.')).map(step).collect();
            assert_eq!(
                (&extensions["code"], &extensions["variable"]),
                (&json!(code), &json!("input")),
                "{error}"
            );
            assert_eq!(extensions["path"], json!(path), "{error}");
        }
        let body = format!(r#"{{"task_name":"echo","parameters":{value}}}"#);
        let (status, answer) = post(&root, "/tasks/submit", body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("VAL_001")));
        assert_eq!(answer["error"]["details"]["field"], format!("parameters.{place}"));
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("query", "query ($id: ID!) { node(id: $id) { id } }")
        .append_pair("variables", r#"{"id":"x","more":[{"a":1,"a":2}]}"#)
        .finish();
    let response = root.request(Method::GET, &format!("/graphql?{query}")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let answer = response.text().await.unwrap();
    assert!(answer.contains("`variables.more.0.a`: the key `a` appears twice"), "{answer}");
    let (status, _) =
        post(&root, "/tasks/submit", r#"{"task_name":"echo","task_name":"x"}"#.to_owned()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (_, list) = root.get("/tasks").await;
    assert_eq!(list["total"], 0, "nothing was started");
}

#[tokio::test]
async fn a_long_key_is_shortened_where_a_fault_is_told() {
    let api = Api::start().await;
    let root = api.admin();
    let key = "k".repeat(200_000);
    let value = format!(r#"{{"{key}":{{"y":1,"y":2}}}}"#);
    let place = format!("{}….y", "k".repeat(60));
    let (status, answer) = post(&root, "/graphql", start_body("input", &value)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.len() < 1_000, "{} bytes", answer.len());
    assert!(answer.contains(&format!("`variables.input.input.{place}`: the ")), "{answer}");
    let body = format!(r#"{{"task_name":"echo","parameters":{value}}}"#);
    let (status, answer) = post(&root, "/tasks/submit", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.len() < 1_000, "{} bytes", answer.len());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["error"]["details"]["field"], format!("parameters.{place}"));
    let (status, answer) = post(&root, "/tasks/submit", format!(r#"{{"task_name":"echo","{key}":1}}"#)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.len() < 1_000, "{} bytes", answer.len());
}

#[tokio::test]
async fn a_literal_comes_out_as_it_was_written_or_is_refused_where_it_stands() {
    let api = Api::start().await;
    let root = api.admin();
    let start = |input: &str| {
        format!(
            "mutation {{ startWorkflow(input: {{type: \"mirror\", input: {{a: {input}}}}}) {{ workflow {{ input }} }} }}"
        )
    };
    let kept = "[1E2,-0,2.50,1e-07,18446744073709551615,100.0,{b:-2.5}]";
    let (_, answer) = post(&root, "/graphql", json!({ "query": start(kept) }).to_string()).await;
    assert!(answer.contains(&kept.replace("b:", "\"b\":")), "{answer}");
    for number in ["18446744073709551616", "1e-400", "1e400", "0.1234567890123456789"] {
        let error = root.error(&start(&format!("[{number}]")), json!({})).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(error["extensions"]["argument"], "input");
        assert_eq!(error["extensions"]["path"], json!(["input", "a", 0]));
        assert_eq!(error["locations"][0]["column"], 33);
        assert!(error["message"].as_str().unwrap().contains(number), "{error}");
    }
}

#[tokio::test]
async fn a_number_is_an_id_or_an_integer_however_it_is_written() {
    let api = Api::start().await;
    let root = api.admin();
    for id in ["-0", "123456789012345678901234567890", "7"] {
        assert_eq!(
            root.data(&format!("{{ node(id: {id}) {{ id }} }}"), json!({})).await["node"],
            Value::Null
        );
        let query = "query ($id: ID!) { node(id: $id) { id } }";
        let body = format!(r#"{{"query":"{query}","variables":{{"id":{id}}}}}"#);
        assert_eq!(post(&root, "/graphql", body).await.1, r#"{"data":{"node":null}}"#);
    }
    let query = "query ($id: ID! = 123456789012345678901234567890) { nodes(ids: [$id, -0]) { id } }";
    assert_eq!(root.data(query, json!({})).await["nodes"], json!([null, null]));
    let error = root.error("{ workflows(first: -0) { totalCount } }", json!({})).await;
    assert_eq!(error["message"], "`first` is 0, expected 1 to 100");
    for wrong in ["1.0", "1e1", "123456789012345678901234567890"] {
        let error = root.error(&format!("{{ workflows(first: {wrong}) {{ totalCount }} }}"), json!({})).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error}");
    }
}
