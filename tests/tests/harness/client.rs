//! The clients against servers that say exactly what is written here.

use std::collections::VecDeque;

use ctutor_tests::client::Client;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// What a scripted server does after the subscription of one socket.
enum Step {
    Say(Value),
    Close(u16),
    Break,
}

#[tokio::test]
async fn a_subscription_yields_items_and_answers_pings_until_complete() {
    let (base, server) = scripted([vec![
        Step::Say(json!({ "type": "ping" })),
        item(&json!({ "cursor": "1" })),
        Step::Say(json!({ "type": "complete", "id": "1" })),
    ]])
    .await;
    let client = Client::new(base).with_token("secret");
    let mut subscription = client.subscribe("subscription", json!({ "id": "7" })).await.unwrap();
    assert_eq!(subscription.next().await.unwrap(), Some(json!({ "stream": { "cursor": "1" } })));
    assert_eq!(subscription.next().await.unwrap(), None);
    assert_eq!(subscription.next().await.unwrap(), None);
    drop(subscription);

    let heard = server.await.unwrap();
    assert_eq!(heard[0]["payload"]["Authorization"], "Bearer secret");
    assert_eq!(heard[1]["payload"], json!({ "query": "subscription", "variables": { "id": "7" } }));
    assert_eq!(heard[2], json!({ "type": "pong" }));
}

#[tokio::test]
async fn a_close_code_is_told() {
    let (base, _server) = scripted([vec![Step::Close(4403)]]).await;
    let mut subscription = Client::new(base).subscribe("subscription", json!({})).await.unwrap();
    assert_eq!(subscription.next().await.unwrap_err().close_code(), Some(4403));
}

#[tokio::test]
async fn a_followed_stream_goes_on_from_its_last_cursor() {
    let (base, server) = scripted([
        vec![item(&json!({ "cursor": "1" })), item(&json!({ "cursor": null, "live": true })), Step::Break],
        vec![Step::Close(1001)],
        vec![item(&json!({ "cursor": "2" })), Step::Say(json!({ "type": "complete", "id": "1" }))],
    ])
    .await;
    let mut followed = Client::new(base).follow("subscription", json!({ "id": "7" }));
    assert_eq!(followed.next().await.unwrap(), Some(json!({ "cursor": "1" })));
    assert_eq!(followed.next().await.unwrap(), Some(json!({ "cursor": null, "live": true })));
    assert_eq!(followed.next().await.unwrap(), Some(json!({ "cursor": "2" })));
    assert_eq!(followed.next().await.unwrap(), None);
    assert_eq!((followed.cursor(), followed.reconnects()), (Some("2"), 2));
    drop(followed);

    let subscribed = |message: &&Value| message["type"] == "subscribe";
    let heard = server.await.unwrap();
    let after: Vec<_> =
        heard.iter().filter(subscribed).map(|m| &m["payload"]["variables"]["after"]).collect();
    assert_eq!(after, [&Value::Null, &json!("1"), &json!("1")]);
}

#[tokio::test]
async fn a_followed_stream_that_is_refused_is_not_tried_again() {
    let (base, _server) = scripted([vec![Step::Close(4403)]]).await;
    let error = Client::new(base).follow("subscription", json!({})).next().await.unwrap_err();
    assert!(error.to_string().contains("4403"), "{error}");
}

#[tokio::test]
async fn an_event_stream_yields_items_whatever_the_chunks() {
    let body =
        ": why not\n\nevent: next\ndata: {\"data\":\ndata: {\"n\": 1}}\n\n:\n\nevent: complete\ndata: \n\n";
    let base = http(body).await;
    let mut stream = Client::new(base).event_stream("subscription", json!({})).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), Some(json!({ "n": 1 })));
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.comments(), ["why not"]);
}

#[tokio::test]
async fn an_event_stream_that_is_cut_is_an_error_with_the_comments() {
    let base = http("event: next\ndata: {\"data\": null}\n\n: the token has expired\n\n").await;
    let mut stream = Client::new(base).event_stream("subscription", json!({})).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), Some(Value::Null));
    let error = stream.next().await.unwrap_err();
    assert!(error.to_string().contains("the token has expired"), "{error}");
}

fn item(fields: &Value) -> Step {
    Step::Say(json!({ "type": "next", "id": "1", "payload": { "data": { "stream": fields } } }))
}

/// Serves one socket for each script, then returns all that clients said.
async fn scripted<const N: usize>(scripts: [Vec<Step>; N]) -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for script in scripts {
            heard.extend(serve(&listener, script).await);
        }
        heard
    });
    (base, server)
}

async fn serve(listener: &TcpListener, script: Vec<Step>) -> Vec<Value> {
    let (stream, _) = listener.accept().await.unwrap();
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let protocol = |_: &Request, mut response: Response| {
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("graphql-transport-ws"));
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, protocol).await.unwrap();
    let mut heard = Vec::new();
    let mut script = VecDeque::from(script);
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let message: Value = serde_json::from_str(&text).unwrap();
        let kind = message["type"].as_str().unwrap().to_owned();
        heard.push(message);
        if kind == "connection_init" {
            socket.send(Message::text(json!({ "type": "connection_ack" }).to_string())).await.unwrap();
            continue;
        }
        while let Some(step) = script.pop_front() {
            match step {
                Step::Say(message) => socket.send(Message::text(message.to_string())).await.unwrap(),
                Step::Close(code) => {
                    let frame = CloseFrame { code: CloseCode::from(code), reason: "as scripted".into() };
                    socket.close(Some(frame)).await.unwrap();
                }
                Step::Break => return heard,
            }
        }
    }
    heard
}

/// Answers one request with this event stream, three bytes at a time.
async fn http(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        // To its last byte, or closing would reset the connection.
        while !request.ends_with(b"\"variables\":{}}") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for chunk in body.as_bytes().chunks(3) {
            stream.write_all(chunk).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    base
}
