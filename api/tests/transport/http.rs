//! GraphQL over HTTP: what goes well.

use ctutor_api::transport::{Introspection, Options};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::toy::Server;

pub(crate) const INTROSPECTION: &str = include_str!("introspection.graphql");

pub(crate) async fn server() -> Server {
    Server::start(Options::default()).await
}

pub(crate) fn post(server: &Server) -> RequestBuilder {
    Client::new().post(server.url()).bearer_auth("alice")
}

pub(crate) fn url(server: &Server, parameters: &[(&str, &str)]) -> reqwest::Url {
    reqwest::Url::parse_with_params(&server.url(), parameters).unwrap()
}

pub(crate) fn get(server: &Server, parameters: &[(&str, &str)]) -> RequestBuilder {
    Client::new().get(url(server, parameters)).bearer_auth("alice")
}

pub(crate) async fn text_of(request: RequestBuilder) -> (StatusCode, String, String) {
    let response = request.send().await.unwrap();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status(), media, response.text().await.unwrap())
}

pub(crate) async fn json_of(request: RequestBuilder) -> (StatusCode, Value) {
    let (status, media, text) = text_of(request).await;
    assert!(media.contains("json"), "{media}");
    (status, serde_json::from_str(&text).unwrap())
}

pub(crate) fn query(text: &str) -> Value {
    json!({ "query": text })
}

#[tokio::test]
async fn the_media_type_is_negotiated() {
    let server = server().await;
    let json = "application/json; charset=utf-8";
    let graphql = "application/graphql-response+json; charset=utf-8";
    for (accept, expected) in [
        ("*/*", json),
        ("application/*", json),
        ("application/json", json),
        ("application/json; charset=utf-8", json),
        ("application/graphql-response+json", graphql),
        ("application/graphql-response+json, application/json", graphql),
        ("application/json, application/graphql-response+json", graphql),
        ("application/graphql-response+json;q=0.5, application/json", json),
        ("application/graphql-response+json, */*;q=0.1", graphql),
        ("application/graphql-response+json;q=0, */*", json),
        ("application/json;q=0, */*", graphql),
        ("text/html, application/json;q=0.9", json),
        ("APPLICATION/JSON", json),
        ("text/event-stream, application/json", json),
    ] {
        let request = post(&server).header("accept", accept).json(&query("{ hello }"));
        let (status, media, body) = text_of(request).await;
        assert_eq!((status.as_u16(), media.as_str()), (200, expected), "{accept}");
        assert_eq!(body, r#"{"data":{"hello":"hello world"}}"#);
    }
}

#[tokio::test]
async fn no_accept_header_means_json() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = server().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = "GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nhost: toy\r\nauthorization: bearer alice\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: application/json; charset=utf-8"), "{answer}");
    assert!(answer.contains("cache-control: no-store"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
}

#[tokio::test]
async fn get_takes_all_parameters() {
    let server = server().await;
    let text = "query A($n: String) { hello(name: $n) } query B { add(a: 1, b: 2) }";
    let variables = ("variables", r#"{"n":"bob"}"#);
    let extensions = ("extensions", r#"{"x":[1]}"#);
    let request = get(&server, &[("query", text), ("operationName", "A"), variables, extensions]);
    assert_eq!(json_of(request).await, (StatusCode::OK, json!({ "data": { "hello": "hello bob" } })));
    let empty = get(&server, &[("query", "{ hello }"), ("variables", "null"), ("extensions", "")]);
    assert_eq!(json_of(empty).await.0, StatusCode::OK);
}

#[tokio::test]
async fn post_takes_all_parameters_and_ignores_unknown_ones() {
    let server = server().await;
    let body = json!({
        "query": "query A($i: EchoInput!) { echo(input: $i) }",
        "operationName": "A",
        "variables": { "i": { "text": "ab", "times": 2 } },
        "extensions": {},
        "future": 1,
    });
    assert_eq!(json_of(post(&server).json(&body)).await.1, json!({ "data": { "echo": "abab" } }));
    let nulls = json!({ "query": "{ hello }", "operationName": null, "variables": null, "extensions": null });
    assert_eq!(json_of(post(&server).json(&nulls)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn fields_come_in_the_order_they_were_asked_for() {
    let server = server().await;
    let request = post(&server).json(&query("{ z: hello b: add(a: 1, b: 1) a: hello node { z: id a: id } }"));
    let (_, _, body) = text_of(request).await;
    assert_eq!(body, r#"{"data":{"z":"hello world","b":2,"a":"hello world","node":{"z":1,"a":1}}}"#);
}

#[tokio::test]
async fn mutations_go_by_post() {
    let server = server().await;
    let request = post(&server).json(&query("mutation { a: increment b: increment }"));
    assert_eq!(json_of(request).await.1, json!({ "data": { "a": 1, "b": 2 } }));
}

#[tokio::test]
async fn the_caller_is_in_the_request() {
    let server = server().await;
    let request = post(&server).json(&query("{ viewer }"));
    assert_eq!(json_of(request).await.1, json!({ "data": { "viewer": "alice" } }));
}

#[tokio::test]
async fn the_introspection_query_of_graphiql_is_answered() {
    let server = server().await;
    let (status, answer) = json_of(post(&server).json(&query(INTROSPECTION))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
}

#[tokio::test]
async fn null_asks_introspection_for_nothing_deprecated() {
    let server = server().await;
    let text = "query($d: Boolean) { __type(name: \"Query\") {
        fields(includeDeprecated: $d) { args(includeDeprecated: null) { name } } } }";
    let request = json!({ "query": text, "variables": { "d": null } });
    let (_, answer) = json_of(post(&server).json(&request)).await;
    assert!(!answer["data"]["__type"]["fields"].as_array().unwrap().is_empty(), "{answer}");
}

#[tokio::test]
async fn introspection_can_be_turned_off() {
    let options = Options { introspection: Introspection::Disabled, ..Options::default() };
    let server = Server::start(options).await;
    for document in
        ["{ __schema { types { name } } }", "{ ...f } fragment f on Query { __schema { types { name } } }"]
    {
        let (_, answer) = json_of(post(&server).json(&query(document))).await;
        let error = &answer["errors"][0];
        assert_eq!(
            error["message"],
            "`__schema` cannot be selected: introspection is disabled on this server"
        );
        assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(answer.get("data"), None, "{answer}");
    }
    let (_, answer) = json_of(post(&server).json(&query("{ __typename }"))).await;
    assert_eq!(answer, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn a_document_that_is_kept_answers_the_same() {
    let server = server().await;
    for name in ["ann", "bob", "ann"] {
        let body = json!({ "query": "query($n: String) { hello(name: $n) }", "variables": { "n": name } });
        let expected = json!({ "data": { "hello": format!("hello {name}") } });
        assert_eq!(json_of(post(&server).json(&body)).await.1, expected);
    }
}
