//! `graphql-transport-ws`: the protocol.

use std::sync::atomic::Ordering;

use ctutor_api::transport::{Options, Origins, WebSocketOptions};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::http::server;
use crate::soon;
use crate::toy::Server;
use crate::ws_client::{Seen, Socket, complete, connect, next};

#[tokio::test]
async fn the_protocol_is_the_modern_one_or_none() {
    let server = server().await;
    let both = connect(&server, Some("graphql-ws, graphql-transport-ws"), None).await.unwrap().1;
    assert_eq!(both.headers()["sec-websocket-protocol"], "graphql-transport-ws");
    let (mut none, response) = connect(&server, None, None).await.unwrap();
    assert!(response.headers().get("sec-websocket-protocol").is_none());
    assert_eq!(none.close_code().await, 4406);
    // The client refuses a handshake that does not choose what it offers.
    assert!(connect(&server, Some("graphql-ws"), None).await.is_err());
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let origins = Origins::same_host().and(["https://console.example".parse().expect("an origin")]);
    let websocket = WebSocketOptions { origins, ..Default::default() };
    let server = Server::start(Options { websocket, ..Options::default() }).await;
    let same = format!("http://{}", server.address);
    let protocol = Some("graphql-transport-ws");
    for origin in [same.as_str(), "https://console.example"] {
        assert!(connect(&server, protocol, Some(origin)).await.is_ok(), "{origin}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        match connect(&server, protocol, Some(origin)).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 403);
                let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
                assert_eq!(body["errors"][0]["extensions"]["code"], "ORIGIN_NOT_ALLOWED");
            }
            other => panic!("{origin} was let in: {:?}", other.map(|(_, response)| response)),
        }
    }
}

#[tokio::test]
async fn tokens_come_under_several_keys() {
    let server = server().await;
    for payload in [
        json!({ "Authorization": "Bearer alice" }),
        json!({ "authorization": "bearer alice" }),
        json!({ "token": "alice", "other": [1] }),
        json!({ "token": "Bearer alice" }),
    ] {
        let mut socket = Socket::open(&server).await;
        socket.init(payload).await;
        assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
        socket.subscribe("1", "{ viewer }").await;
        assert_eq!(socket.message().await, next("1", &json!({ "viewer": "alice" })));
        assert_eq!(socket.message().await, complete("1"));
    }
}

#[tokio::test]
async fn bad_tokens_close_with_4403_and_a_reason() {
    let server = server().await;
    for (payload, reason) in [
        (json!(null), "required"),
        (json!({}), "required"),
        (json!({ "Authorization": "Bearer expired" }), "expired"),
        (json!({ "Authorization": "Bearer forged" }), "signature"),
        (json!({ "Authorization": "Bearer garbled" }), "malformed"),
        (json!({ "Authorization": "Basic x" }), "is not `Bearer TOKEN`"),
        (json!({ "Authorization": "alice" }), "is not `Bearer TOKEN`"),
        (json!({ "token": "" }), "malformed"),
    ] {
        let mut socket = Socket::open(&server).await;
        socket.init(payload.clone()).await;
        match socket.seen().await {
            Seen::Close(4403, text) => assert!(text.contains(reason), "{payload}: {text}"),
            other => panic!("{payload}: {other:?}"),
        }
    }
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn subscribing_before_the_acknowledgement_closes_with_4401() {
    let server = server().await;
    let mut socket = Socket::open(&server).await;
    socket.subscribe("1", "mutation { increment }").await;
    assert_eq!(socket.close_code().await, 4401);
    assert_eq!(server.toy.mutations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_second_initialisation_closes_with_4429() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.init(json!({ "token": "alice" })).await;
    assert_eq!(socket.close_code().await, 4429);
}

#[tokio::test]
async fn an_id_in_use_closes_with_4409() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    let long = "ä".repeat(120);
    socket.subscribe(&long, "subscription { pulses }").await;
    socket.subscribe(&long, "{ hello }").await;
    assert_eq!(socket.close_code().await, 4409);
    soon(server.toy.listeners.subscribe().wait_for(|count| *count == 0)).await.unwrap();
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn messages_that_are_not_of_the_protocol_close_with_4400() {
    let server = server().await;
    for text in [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        "[\"ping\"]",
        r#"{"type":1}"#,
        r#"{"type":"start","id":"1","payload":{"query":"{ hello }"}}"#,
        r#"{"type":"connection_terminate"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","id":1,"payload":{"query":"{ hello }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}"#,
        r#"{"type":"subscribe","payload":{"query":"{ hello }"}}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"ping","payload":"x"}"#,
        r#"{"type":"next","id":"1","payload":{}}"#,
        r#"{"type":"ping","type":"ping"}"#,
    ] {
        let mut socket = Socket::ready(&server).await;
        socket.send_text(text).await;
        assert_eq!(socket.close_code().await, 4400, "{text}");
    }
    let mut socket = Socket::ready(&server).await;
    soon(socket.stream.send(Message::binary(b"{\"type\":\"ping\"}".to_vec()))).await.unwrap();
    assert_eq!(socket.close_code().await, 4400);
    let mut socket = Socket::open(&server).await;
    socket.init(json!("alice")).await;
    assert_eq!(socket.close_code().await, 4400);
}

#[tokio::test]
async fn a_close_with_4400_says_what_was_expected_and_what_was_found() {
    let server = server().await;
    for (text, told) in [
        ("", "the message is empty, expected a JSON object"),
        ("[]", "the message is an array, expected a JSON object"),
        ("{", "the message is not JSON: expected a key in double quotes or `}`, found the end of the text"),
        (
            "{}",
            "`type` is missing, expected one of `connection_init`, `ping`, `pong`, `subscribe`, `complete`",
        ),
        (
            r#"{"type":1}"#,
            "`type` is a number, expected one of `connection_init`, `ping`, `pong`, `subscribe`, `complete`",
        ),
        (
            r#"{"type":"start"}"#,
            "`type` is `start`, which is of the old protocol `subscriptions-transport-ws`; expected `subscribe`",
        ),
        (r#"{"type":"subcsribe"}"#, "`type` is `subcsribe`; did you mean `subscribe`?"),
        (r#"{"type":"ping","type":"ping"}"#, "the message has the key `type` twice; send it once"),
        (r#"{"type":"subscribe"}"#, "`id` is missing, expected a string of 1 to 256 bytes"),
        (r#"{"type":"complete","id":1}"#, "`id` is a number, expected a string of 1 to 256 bytes"),
        (r#"{"type":"complete","id":""}"#, "`id` has 0 bytes, expected a string of 1 to 256 bytes"),
        (r#"{"type":"ping","payload":"x"}"#, "`payload` is a string, expected a JSON object or null"),
        (
            r#"{"type":"connection_init","payload":{"token":["s3cret"]}}"#,
            "`payload.token` is an array, expected a string or null",
        ),
        (
            r#"{"type":"connection_init","payload":{"token":"s3cret","token":"s3cret"}}"#,
            "`payload` has the key `token` twice; send it once",
        ),
    ] {
        let mut socket = Socket::ready(&server).await;
        socket.send_text(text).await;
        match socket.seen().await {
            Seen::Close(4400, reason) => assert!(reason.starts_with(told), "{text}: {reason}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_bad_request_ends_its_own_operation_only() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("stream", "subscription { pulses }").await;
    soon(server.toy.listeners.subscribe().wait_for(|count| *count == 1)).await.unwrap();
    for payload in [
        "",
        r#","payload":{}"#,
        r#","payload":["{ hello }"]"#,
        r#","payload":{"query":1}"#,
        r#","payload":{"query":"{ hello }","operationName":{}}"#,
        r#","payload":{"query":"{ hello }","variables":[]}"#,
        r#","payload":{"query":"{ hello }","variables":{"a":1,"a":2}}"#,
        r#","payload":{"query":"{ hello }","variables":{"i":"\ud800"}}"#,
    ] {
        socket.send_text(format!(r#"{{"type":"subscribe","id":"1"{payload}}}"#)).await;
        assert_eq!(socket.error_code("1").await, "BAD_REQUEST", "{payload}");
    }
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "hello": "hello world" })));
    assert_eq!(socket.message().await, complete("1"));
    server.toy.pulses.send(7).unwrap();
    assert_eq!(socket.message().await, next("stream", &json!({ "pulses": 7 })));
}

#[tokio::test]
async fn pings_are_answered_with_their_payload_even_before_initialisation() {
    let server = server().await;
    let mut socket = Socket::open(&server).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.message().await, json!({ "type": "pong" }));
    socket.send_text(r#"{"type":"ping","payload":{"z":1,"a":[2]}}"#).await;
    assert_eq!(socket.message().await, json!({ "type": "pong", "payload": { "z": 1, "a": [2] } }));
    socket.send(json!({ "type": "pong", "payload": {} })).await;
    socket.send(json!({ "type": "complete", "id": "unknown" })).await;
    socket.init(json!({ "token": "alice" })).await;
    assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
}

#[tokio::test]
async fn all_kinds_of_operations_run() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("q", "{ hello }").await;
    assert_eq!(socket.message().await, next("q", &json!({ "hello": "hello world" })));
    assert_eq!(socket.message().await, complete("q"));
    socket.subscribe("m", "mutation { increment }").await;
    assert_eq!(socket.message().await, next("m", &json!({ "increment": 1 })));
    assert_eq!(socket.message().await, complete("m"));
    socket.subscribe("s", "subscription { count(to: 200) }").await;
    for n in 1..=200 {
        assert_eq!(socket.message().await, next("s", &json!({ "count": n })));
    }
    assert_eq!(socket.message().await, complete("s"));
    let payload = json!({
        "query": "query A { hello } query B($n: String) { hello(name: $n) }",
        "operationName": "B",
        "variables": { "n": "bob" },
        "extensions": null,
    });
    socket.send(json!({ "type": "subscribe", "id": "v", "payload": payload })).await;
    assert_eq!(socket.message().await, next("v", &json!({ "hello": "hello bob" })));
}

#[tokio::test]
async fn request_errors_are_error_messages_and_free_the_id() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    for (text, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($a: Int!) { add(a: $a, b: 1) }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { count(to: 1) pulses }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...A } fragment A on Query { ...A }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { failing }", "TEAPOT"),
        (&"{".repeat(1_000), "DOCUMENT_TOO_COMPLEX"),
    ] {
        socket.subscribe("1", text).await;
        assert_eq!(socket.error_code("1").await, code, "{text}");
    }
    // No `complete` came in between, and the id is free.
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "hello": "hello world" })));
    assert_eq!(socket.message().await, complete("1"));
}

#[tokio::test]
async fn failures_of_execution_are_next_messages() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "{ nonNullFailing }").await;
    let message = socket.message().await;
    assert_eq!((&message["type"], &message["payload"]["data"]), (&json!("next"), &Value::Null), "{message}");
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "TEAPOT");
    assert_eq!(socket.message().await, complete("1"));

    socket.subscribe("2", "subscription { failingEvents }").await;
    assert_eq!(socket.message().await, next("2", &json!({ "failingEvents": 1 })));
    assert_eq!(socket.message().await["payload"]["errors"][0]["extensions"]["code"], "TEAPOT");
    assert_eq!(socket.message().await, next("2", &json!({ "failingEvents": 3 })));
    assert_eq!(socket.message().await, complete("2"));
}

#[tokio::test]
async fn panics_end_their_operation_only() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { panicking }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "panicking": 1 })));
    let message = socket.message().await;
    assert_eq!(message["type"], "error");
    assert_eq!(message["payload"][0]["extensions"]["code"], "INTERNAL");
    assert!(!message.to_string().contains("secret"));
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "hello": "hello world" })));
}

#[tokio::test]
async fn complete_stops_a_subscription_and_frees_its_id() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    let mut listeners = server.toy.listeners.subscribe();
    for n in 1..=3 {
        socket.subscribe("1", "subscription { pulses }").await;
        soon(listeners.wait_for(|count| *count == 1)).await.unwrap();
        assert_eq!(server.gauges.operations(), 1);
        server.toy.pulses.send(n).unwrap();
        assert_eq!(socket.message().await, next("1", &json!({ "pulses": n })));
        socket.send(complete("1")).await;
        soon(listeners.wait_for(|count| *count == 0)).await.unwrap();
    }
    // Nothing of the earlier ones is left over: no `complete` was echoed.
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "hello": "hello world" })));
}

#[tokio::test]
async fn an_id_used_again_at_once_gets_nothing_of_its_predecessor() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    for round in 0..50 {
        socket.subscribe("1", "subscription { count(to: 1000) }").await;
        socket.send(complete("1")).await;
        socket.subscribe("1", "{ hello }").await;
        // Messages that left before the server read `complete` may still be on the way, in order.
        let mut message = socket.message().await;
        let mut last = 0;
        while let Some(n) = message["payload"]["data"]["count"].as_i64() {
            assert_eq!(n, last + 1);
            last = n;
            message = socket.message().await;
        }
        assert_eq!(message, next("1", &json!({ "hello": "hello world" })), "round {round}");
        assert_eq!(socket.message().await, complete("1"));
    }
}

#[tokio::test]
async fn a_close_of_the_client_is_answered() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { pulses }").await;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    soon(socket.stream.send(Message::Close(Some(frame)))).await.unwrap();
    assert_eq!(socket.close_code().await, 1000);
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn a_client_that_goes_leaves_nothing_behind() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    let mut listeners = server.toy.listeners.subscribe();
    for id in ["1", "2", "3"] {
        socket.subscribe(id, "subscription { pulses }").await;
    }
    soon(listeners.wait_for(|count| *count == 3)).await.unwrap();
    assert_eq!((server.gauges.sockets(), server.gauges.operations()), (1, 3));
    soon(socket.stream.close(None)).await.unwrap();
    soon(listeners.wait_for(|count| *count == 0)).await.unwrap();
    soon(server.gauges.idle()).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { pulses }").await;
    soon(listeners.wait_for(|count| *count == 1)).await.unwrap();
    drop(socket);
    soon(listeners.wait_for(|count| *count == 0)).await.unwrap();
    soon(server.gauges.idle()).await;
}
