//! GraphQL over HTTP: what is refused, and how failures look.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ctutor_api::transport::{HttpOptions, Options};
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::http::{get, json_of, post, query, server, text_of, url};
use crate::toy::Server;

const GRAPHQL: &str = "application/graphql-response+json";

pub(crate) async fn refused(request: RequestBuilder) -> (u16, String) {
    let (status, answer) = json_of(request).await;
    assert_eq!(answer.get("data"), None, "{answer}");
    (status.as_u16(), answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned())
}

pub(crate) fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn tokens_are_asked_for_and_refused_with_a_reason() {
    let server = server().await;
    for (authorization, status, text, challenge) in [
        (None, 401, "a bearer token is required", Some("Bearer realm=\"ctutor\"")),
        (Some("Bearer garbled"), 401, "malformed", Some("invalid_token")),
        (Some("Bearer"), 401, "is not `Bearer TOKEN`", Some("Bearer realm=\"ctutor\"")),
        (Some("Basic YWxpY2U="), 401, "is not `Bearer TOKEN`", Some("Bearer realm=\"ctutor\"")),
        (Some("Bearer forged"), 401, "signature", Some("invalid_token")),
        (Some("Bearer expired"), 401, "expired", Some("expired")),
        (Some("Bearer foreign"), 401, "unknown issuer", Some("invalid_token")),
        (Some("Bearer no-keys"), 503, "cannot be checked", None),
    ] {
        let mut request = Client::new().post(server.url()).json(&query("mutation { increment }"));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{authorization:?}");
        let header =
            response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header.is_some(), challenge.is_some());
        let header = header.unwrap_or_default();
        assert!(header.contains(challenge.unwrap_or_default()), "{header}");
        assert_eq!(
            header.contains("error="),
            challenge.is_some_and(|part| !part.contains("realm")),
            "{header}"
        );
        let answer: Value = response.json().await.unwrap();
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(text), "{answer}");
        let code = if status == 401 { "UNAUTHENTICATED" } else { "UNAVAILABLE" };
        assert_eq!(answer["errors"][0]["extensions"]["code"], code);
    }
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_token_in_the_url_is_not_looked_at() {
    let server = server().await;
    for accept in ["application/json", "text/event-stream"] {
        let parameters = [
            ("query", "{ hello }"),
            ("token", "alice"),
            ("access_token", "alice"),
            ("authorization", "Bearer alice"),
        ];
        let request = Client::new().get(url(&server, &parameters)).header("accept", accept);
        assert_eq!(refused(request).await, is(401, "UNAUTHENTICATED"));
    }
}

#[tokio::test]
async fn what_cannot_be_given_is_406() {
    let server = server().await;
    for accept in ["text/html", "application/xml", "application/json;q=0", "application/json; charset=utf-16"]
    {
        let request = post(&server).header("accept", accept).json(&query("{ hello }"));
        assert_eq!(refused(request).await, is(406, "NOT_ACCEPTABLE"), "{accept}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_json_are_415() {
    let server = server().await;
    let body = r#"{"query":"mutation { increment }"}"#;
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/jsonp",
    ] {
        let request = post(&server).header("content-type", media).body(body);
        assert_eq!(refused(request).await, is(415, "UNSUPPORTED_MEDIA_TYPE"), "{media}");
    }
    assert_eq!(refused(post(&server).body(body)).await, is(415, "UNSUPPORTED_MEDIA_TYPE"));
    let gzipped = post(&server).header("content-type", "application/json").header("content-encoding", "gzip");
    assert_eq!(refused(gzipped.body(body)).await, is(415, "UNSUPPORTED_MEDIA_TYPE"));
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
    let utf8 = post(&server).header("content-type", "application/json; charset=UTF-8").body(body);
    assert_eq!(json_of(utf8).await.0, StatusCode::OK);
}

#[tokio::test]
async fn other_methods_are_405() {
    let server = server().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let request = Client::new().request(method, server.url()).bearer_auth("alice");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, POST");
    }
}

#[tokio::test]
async fn mutations_are_refused_on_get_in_any_media_type() {
    let server = server().await;
    for accept in ["application/json", GRAPHQL, "text/event-stream"] {
        let text = "query Q { hello } mutation M { increment }";
        let request = get(&server, &[("query", text), ("operationName", "M")]).header("accept", accept);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405, "{accept}");
        assert_eq!(response.headers()["allow"], "POST");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "METHOD_NOT_ALLOWED");
    }
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn parameters_must_have_their_shapes() {
    let server = server().await;
    let nested = format!(r#"{{"query":"{{hello}}","variables":{{"a":{}}}}}"#, "[".repeat(100_000));
    for body in [
        "",
        "{",
        "null",
        "1",
        "\"{ hello }\"",
        "{}",
        r#"{"query":null}"#,
        r#"{"query":1}"#,
        r#"{"query":["{ hello }"]}"#,
        r#"{"query":"{ hello }","query":"{ hello }"}"#,
        r#"{"query":"{ hello }","operationName":1}"#,
        r#"{"query":"{ hello }","variables":1}"#,
        r#"{"query":"{ hello }","variables":"{}"}"#,
        r#"{"query":"{ hello }","variables":[]}"#,
        r#"{"query":"{ hello }","extensions":[]}"#,
        r#"{"query":"{ hello }","extensions":"x"}"#,
        r#"{"query":"{ hello }"} x"#,
        r#"["{ hello }"]"#,
        r#"[["{ hello }"]]"#,
        "[]",
        nested.as_str(),
    ] {
        for accept in ["application/json", GRAPHQL] {
            let request = post(&server).header("content-type", "application/json").header("accept", accept);
            let shown: String = body.chars().take(80).collect();
            assert_eq!(refused(request.body(body.to_owned())).await, is(400, "BAD_REQUEST"), "{shown}");
        }
    }
    let latin =
        post(&server).header("content-type", "application/json").body(b"{\"query\":\"\xe4\"}".to_vec());
    assert_eq!(refused(latin).await, is(400, "BAD_REQUEST"));
}

#[tokio::test]
async fn parameters_of_get_must_have_their_shapes() {
    let server = server().await;
    let bare = Client::new().get(server.url()).bearer_auth("alice");
    assert_eq!(refused(bare).await, is(400, "BAD_REQUEST"));
    for (name, value) in
        [("variables", "[]"), ("variables", "{"), ("extensions", "1"), ("query", "{ hello }")]
    {
        let request = get(&server, &[("query", "{ hello }"), (name, value)]);
        assert_eq!(refused(request).await, is(400, "BAD_REQUEST"), "{name}={value}");
    }
}

/// Bodies that are no request, and how the answer begins.
const WRONG_BODIES: &[(&str, &str)] = &[
    ("", "the request body is empty, expected a JSON object such as `{\"query\": \"{ … }\"}`"),
    (
        "{",
        "the request body is not JSON: expected a key in double quotes or `}`, found the end of the text (the `{` of \
         line 1, column 1 is open) at line 1, column 2",
    ),
    (
        "{\"query\": \"{ hello }\",\n}",
        "the request body is not JSON: expected a key in double quotes, found `}` at line 2, column 1; remove the comma \
         in front of it",
    ),
    (
        "{'query': '{ hello }'}",
        "the request body is not JSON: expected a key in double quotes or `}`, found `'` at line 1, column 2; JSON has \
         strings in double quotes",
    ),
    (
        "\u{feff}{\"query\": \"{ hello }\"}",
        "the request body is not JSON: expected a JSON value, found a byte order mark (U+FEFF) at line 1, column 1; \
         save the text as UTF-8 without it",
    ),
    (
        "{\"query\": \"{ hello }\", \"variables\": {\"a\": NaN}}",
        "the request body is not JSON: expected a JSON value, found `NaN` at line 1, column 43; JSON has finite numbers \
         only; send null or a string",
    ),
    (
        "{\"query\": \"{ a }\",\n \"query\": \"{ hello }\"}",
        "the request body has the key `query` twice, the second time at line 2, column 11; send it once",
    ),
    ("\"{ hello }\"", "the request body is a string, expected a JSON object with the `query` of a request"),
    (
        "{ hello }",
        "the request body is not JSON: expected a key in double quotes or `}`, found `hello` at line 1, column 3",
    ),
    ("[]", "expected at least one request in the batch, found none"),
    (
        "[{\"query\": \"{ hello }\"}, 1]",
        "request 1 of the batch (counted from 0): it is a number, expected a JSON object with the `query` of a request",
    ),
    (
        "[{\"query\": \"{ hello }\"},\n {\"query\": 1}]",
        "request 1 of the batch (counted from 0): `query` is a number, expected a string, at line 2, column 12",
    ),
    (
        "[{\"query\":\"{ hello }\",\"variables\":{\"a\":1,\"a\":2}}]",
        "request 0 of the batch (counted from 0): `variables.a`: the key `a` appears twice in one object",
    ),
    ("{}", "the request body has no `query`, expected the text of the document there"),
    (
        "{\"qeury\": \"{ hello }\"}",
        "the request body has no `query`, expected the text of the document there; it has `qeury`, did you mean `query`?",
    ),
    (
        "{\"extensions\":{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"x\"}}}",
        "the request body has no `query`, but the hash of a persisted query, which this server does not support; send the \
         text of the document as `query`",
    ),
    ("{\"query\": 1}", "`query` is a number, expected a string, at line 1, column 11"),
    ("{\"query\": null}", "`query` is null, expected a string, at line 1, column 11"),
    (
        "{\"query\":\"{ hello }\",\"variables\":[]}",
        "`variables` is an array, expected a JSON object or null, at line 1, column 34",
    ),
    (
        "{\"query\":\"{ hello }\",\"extensions\":1}",
        "`extensions` is a number, expected a JSON object or null, at line 1, column 35",
    ),
    (
        "{\"query\":\"{ hello }\",\"operationName\":1}",
        "`operationName` is a number, expected a string or null, at line 1, column 38",
    ),
    (
        "{\"query\":\"{ hello }\",\"variables\":{\"a\":1,\"a\":2}}",
        "`variables.a`: the key `a` appears twice in one object",
    ),
];

#[tokio::test]
async fn wrong_shapes_are_told_in_plain_words() {
    let server = server().await;
    let message = async |request: RequestBuilder| {
        let (_, answer) = json_of(request).await;
        answer["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    for (body, told) in WRONG_BODIES {
        let request = post(&server).header("content-type", "application/json").body(*body);
        assert!(message(request).await.starts_with(told), "{body}: {told}");
    }
    let utf16: Vec<u8> = "{\"query\":\"{ hello }\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let request = post(&server).header("content-type", "application/json").body(utf16);
    let told = "the request body is not JSON: expected text in UTF-8, found UTF-16 at line 1, column 1; encode it in UTF-8";
    assert_eq!(message(request).await, told);
    let found = message(get(&server, &[("variables", "{}")])).await;
    assert_eq!(found, "the query string has no `query`, expected the text of the document there");
    for (text, told) in [
        ("[]", "parameter `variables` is an array, expected a JSON object or null"),
        (
            "{",
            "parameter `variables` is not JSON: expected a key in double quotes or `}`, found the end of the text",
        ),
    ] {
        let found = message(get(&server, &[("query", "{ hello }"), ("variables", text)])).await;
        assert!(found.starts_with(told), "{found}");
    }
}

#[tokio::test]
async fn bytes_of_a_query_string_that_are_not_utf8_are_refused_by_name() {
    let server = server().await;
    let query = "query=%7Bhello(name:%22%ff%22)%7D";
    let variables = "query=query($n:String)%7Bhello(name:$n)%7D&variables=%7B%22n%22:%22%ff%22%7D";
    for (text, name) in [(query, "`query`"), (variables, "`variables`")] {
        let request = Client::new().get(format!("{}?{text}", server.url())).bearer_auth("alice");
        let (status, answer) = json_of(request).await;
        let error = &answer["errors"][0];
        assert_eq!((status.as_u16(), &error["extensions"]["code"]), (400, &json!("BAD_REQUEST")), "{answer}");
        assert!(error["message"].as_str().unwrap().contains(name), "{answer}");
    }
}

#[tokio::test]
async fn a_refused_header_or_method_is_told_with_what_was_found() {
    let server = server().await;
    let body = || post(&server).body("{}");
    let json = "application/json";
    let upgrade = || get(&server, &[]).header("upgrade", "websocket");
    for (request, told) in [
        (body(), "expected a body with the header `Content-Type: application/json`, found none"),
        (
            body().header("content-type", "text/plain"),
            "expected a body with the header `Content-Type: application/json`, found `text/plain`",
        ),
        (
            body().header("content-type", json).header("content-encoding", "gzip"),
            "expected a body with the header `Content-Type: application/json`, found `Content-Encoding: gzip`, which is \
             not supported",
        ),
        (
            Client::new().put(server.url()).bearer_auth("alice"),
            "expected the method GET or POST, found `PUT`",
        ),
        (upgrade(), "the request cannot become a WebSocket, expected the header `Connection: Upgrade`"),
        (
            upgrade()
                .header("connection", "upgrade")
                .header("sec-websocket-version", "8")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            "the request cannot become a WebSocket, expected the header `Sec-WebSocket-Version: 13`",
        ),
    ] {
        let (_, answer) = json_of(request).await;
        assert_eq!(answer["errors"][0]["message"], told);
    }
}

#[tokio::test]
async fn a_client_without_the_text_of_a_persisted_query_reads_a_code_of_its_own() {
    let server = server().await;
    let hash = json!({ "persistedQuery": { "version": 1, "sha256Hash": "ab" } });
    let body = json!({ "extensions": hash });
    assert_eq!(refused(post(&server).json(&body)).await, is(400, "PERSISTED_QUERY_NOT_SUPPORTED"));
    let request = get(&server, &[("extensions", &hash.to_string())]);
    assert_eq!(refused(request).await, is(400, "PERSISTED_QUERY_NOT_SUPPORTED"));
    let body = json!({ "query": "{ hello }", "extensions": hash });
    assert_eq!(json_of(post(&server).json(&body)).await.1["data"]["hello"], "hello world");
}

#[tokio::test]
async fn bodies_have_a_bound() {
    let server = server().await;
    let body = json!({ "query": "{ hello }", "variables": { "x": "y".repeat(3_000_000) } }).to_string();
    let announced = post(&server).header("content-type", "application/json").body(body.clone());
    assert_eq!(refused(announced).await, is(413, "PAYLOAD_TOO_LARGE"));
    // In chunks, so that nothing tells the length before it is read.
    let chunks: Vec<_> =
        body.as_bytes().chunks(10_000).map(|chunk| Ok::<_, String>(chunk.to_vec())).collect();
    let chunked = Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = post(&server).header("content-type", "application/json").body(chunked);
    assert_eq!(refused(request).await, is(413, "PAYLOAD_TOO_LARGE"));
    let waiting = post(&server).header("content-type", "application/json").header("expect", "100-continue");
    assert_eq!(refused(waiting.body(body)).await, is(413, "PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let http = HttpOptions { body_timeout: Duration::from_millis(20), ..HttpOptions::default() };
    let server = Server::start(Options { http, ..Options::default() }).await;
    let never = Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, String>>());
    let request = post(&server).header("content-type", "application/json").body(never);
    assert_eq!(refused(request).await, is(408, "REQUEST_TIMEOUT"));
}

#[tokio::test]
async fn request_errors_have_no_data_and_a_status_by_media_type() {
    let server = server().await;
    for (text, variables, code) in [
        ("{", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ hello(name: \"x) }", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("{ hello { x } }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query($a: Int!) { add(a: $a, b: 1) }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query($a: Int!) { add(a: $a, b: 1) }", json!({ "a": null }), "BAD_USER_INPUT"),
        ("query($a: Int!) { add(a: $a, b: 1) }", json!({ "a": "x" }), "BAD_USER_INPUT"),
        ("{ ...A } fragment A on Query { ...A }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query A { hello } query B { hello }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("{ a: hello a: add(a: 1, b: 1) }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let body = json!({ "query": text, "variables": variables });
        let json = post(&server).header("accept", "application/json").json(&body);
        assert_eq!(refused(json).await, is(200, code), "{text}");
        let graphql = post(&server).header("accept", GRAPHQL).json(&body);
        assert_eq!(refused(graphql).await, is(400, code), "{text}");
    }
    let default = json!({ "query": "query($a: Int! = 1) { add(a: $a, b: 1) }" });
    assert_eq!(json_of(post(&server).json(&default)).await.1, json!({ "data": { "add": 2 } }));
    let named = json!({ "query": "{ hello }", "operationName": "X" });
    assert_eq!(refused(post(&server).json(&named)).await, is(200, "GRAPHQL_VALIDATION_FAILED"));
}

#[tokio::test]
async fn hostile_documents_are_refused_by_name() {
    let server = server().await;
    let bomb: String =
        (0..34).map(|n| format!("fragment F{n} on Node {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
    let bomb = format!("{{ node {{ ...F0 }} }} {bomb} fragment F34 on Node {{ id }}");
    let aliases: String = (0..6_000).map(|n| format!("a{n}: hello ")).collect();
    let directives = format!("{{ hello {} }}", "@skip(if: false) ".repeat(2_000));
    for (text, limit) in [
        (bomb, "FIELDS"),
        ("{".repeat(99_999), "NESTING"),
        (format!("{{ {aliases} }}"), "ALIASES"),
        (directives, "DIRECTIVES"),
        ("{ a }".repeat(30_000), "DOCUMENT_BYTES"),
    ] {
        let request = post(&server).header("accept", GRAPHQL).json(&query(&text));
        let (status, _, body) = text_of(request).await;
        assert!(body.len() < 1_000, "{}", body.len());
        let answer: Value = serde_json::from_str(&body).unwrap();
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!((status.as_u16(), &extensions["code"]), (400, &json!("DOCUMENT_TOO_COMPLEX")));
        assert_eq!(extensions["limit"], limit);
        assert!(extensions["found"].as_u64() > extensions["allowed"].as_u64());
    }
}

#[tokio::test]
async fn answers_to_bad_documents_are_short() {
    let server = server().await;
    let unknown: String = (0..1_900).map(|n| format!("f{n} ")).collect();
    let request = post(&server).json(&query(&format!("{{ node {{ {unknown} }} }}")));
    let (_, answer) = json_of(request).await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 25);
    let line = format!("{{ a(b: {}) ! }}", "1 ".repeat(5_000));
    let (_, _, body) = text_of(post(&server).json(&query(&line))).await;
    assert!(body.len() < 500, "{body}");
}

#[tokio::test]
async fn a_failing_nullable_field_is_null_and_leaves_its_siblings() {
    let server = server().await;
    let request = post(&server).header("accept", GRAPHQL).json(&query("{ hello nullableFailing z: hello }"));
    let (status, media, body) = text_of(request).await;
    assert_eq!((status.as_u16(), media.contains("graphql-response")), (200, true));
    assert!(
        body.contains(r#""data":{"hello":"hello world","nullableFailing":null,"z":"hello world"}"#),
        "{body}"
    );
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["errors"][0]["path"], json!(["nullableFailing"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TEAPOT");
}

#[tokio::test]
async fn a_failing_non_null_field_nulls_its_parent() {
    let server = server().await;
    let root = post(&server).header("accept", GRAPHQL).json(&query("{ hello nonNullFailing }"));
    let (status, answer) = json_of(root).await;
    assert_eq!((status.as_u16(), answer.get("data")), (200, Some(&Value::Null)));
    let nested = post(&server).json(&query("{ node { parent { id failing } id } }"));
    let (_, answer) = json_of(nested).await;
    assert_eq!(answer["data"], json!({ "node": { "parent": null, "id": 1 } }));
    assert_eq!(answer["errors"][0]["path"], json!(["node", "parent", "failing"]));
}

#[tokio::test]
async fn internal_text_does_not_leave() {
    let server = server().await;
    for text in ["{ internal }", "{ hello panicking }", "{ ...F } fragment F on Query { panicking }"] {
        let (status, _, body) = text_of(post(&server).json(&query(text))).await;
        assert_eq!(status, 200);
        assert!(!body.contains("secret"), "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL", "{body}");
        assert_eq!(answer["errors"][0]["message"], "internal error");
        assert!(answer.get("data").is_some(), "{body}");
    }
    assert_eq!(json_of(post(&server).json(&query("{ hello }"))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn subscriptions_need_a_stream() {
    let server = server().await;
    let text = "subscription { count(to: 1) }";
    assert_eq!(refused(post(&server).json(&query(text))).await, is(400, "BAD_REQUEST"));
    assert_eq!(refused(get(&server, &[("query", text)])).await, is(400, "BAD_REQUEST"));
    let json = post(&server).header("accept", "application/json").json(&query(text));
    assert_eq!(refused(json).await, is(400, "BAD_REQUEST"));
}
