//! `graphql-transport-ws`: bounds and timings.

use std::time::Duration;

use ctutor_api::transport::{Options, WebSocketOptions};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::http::server;
use crate::soon;
use crate::toy::Server;
use crate::ws_client::{Seen, Socket, complete, next};

async fn server_with(websocket: WebSocketOptions) -> Server {
    Server::start(Options { websocket, ..Options::default() }).await
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let options = WebSocketOptions::default();
    assert_eq!(options.init_timeout, Duration::from_secs(3));
    assert_eq!(options.ping_interval, Duration::from_secs(12));
    assert_eq!(options.silences_max, 2);
    assert_eq!(options.write_timeout, Duration::from_secs(10));
    assert_eq!(options.operations_max, 100);
    assert_eq!(options.queue_messages_max, 64);
    assert_eq!(options.message_bytes_max, 256 * 1024);
    assert_eq!(options.read_buffer_bytes, 8 * 1024);
}

#[tokio::test]
async fn a_socket_that_is_not_initialised_closes_with_4408() {
    let websocket = WebSocketOptions { init_timeout: Duration::from_millis(20), ..Default::default() };
    let server = server_with(websocket).await;
    let mut socket = Socket::open(&server).await;
    assert_eq!(socket.close_code().await, 4408);
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn an_initialised_socket_outlives_the_init_timeout() {
    let websocket = WebSocketOptions {
        init_timeout: Duration::from_millis(1_000),
        ping_interval: Duration::from_millis(600),
        ..Default::default()
    };
    let server = server_with(websocket).await;
    let mut socket = Socket::ready(&server).await;
    // The second ping is beyond the timeout.
    for _ in 0..2 {
        assert!(matches!(soon(socket.stream.next()).await, Some(Ok(Message::Ping(_)))));
    }
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "hello": "hello world" })));
}

#[tokio::test]
async fn a_socket_closes_with_4403_when_its_token_ends() {
    let server = server().await;
    let mut socket = Socket::ready_as(&server, "expires-in-200").await;
    socket.subscribe("1", "subscription { pulses }").await;
    match socket.seen().await {
        Seen::Close(4403, reason) => assert!(reason.contains("expired"), "{reason}"),
        other => panic!("{other:?}"),
    }
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn a_shutdown_closes_with_1001_and_without_complete() {
    let server = server().await;
    let mut waiting = Socket::open(&server).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { pulses }").await;
    soon(server.toy.listeners.subscribe().wait_for(|count| *count == 1)).await.unwrap();
    server.shutdown.cancel();
    assert_eq!(socket.close_code().await, 1001);
    assert_eq!(waiting.close_code().await, 1001);
    soon(server.gauges.idle()).await;
    assert_eq!(*server.toy.listeners.borrow(), 0);
}

#[tokio::test]
async fn operations_beyond_the_cap_get_an_error_and_the_socket_goes_on() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    for id in 0..100 {
        socket.subscribe(&id.to_string(), "subscription { pulses }").await;
    }
    socket.subscribe("one too many", "subscription { pulses }").await;
    assert_eq!(socket.error_code("one too many").await, "TOO_MANY_OPERATIONS");
    soon(server.toy.listeners.subscribe().wait_for(|count| *count == 100)).await.unwrap();
    socket.send(complete("7")).await;
    socket.subscribe("7", "{ hello }").await;
    assert_eq!(socket.message().await, next("7", &json!({ "hello": "hello world" })));
}

#[tokio::test]
async fn long_messages_close_with_1009() {
    let server = server().await;
    // Within the bound; above it; so far above that the socket itself cuts it off.
    let mut socket = Socket::ready(&server).await;
    let padding = |bytes: usize| json!({ "type": "ping", "payload": { "x": "y".repeat(bytes) } });
    socket.send(padding(250 * 1024)).await;
    assert_eq!(socket.message().await["type"], "pong");
    socket.send(padding(257 * 1024)).await;
    assert_eq!(socket.close_code().await, 1009);
    let mut socket = Socket::ready(&server).await;
    // In fragments, so that no single frame tells the length.
    let half = Message::Frame(fragment("y".repeat(200 * 1024), true));
    soon(socket.stream.send(half)).await.unwrap();
    let rest = Message::Frame(fragment("y".repeat(200 * 1024), false));
    soon(socket.stream.send(rest)).await.unwrap();
    assert_eq!(socket.close_code().await, 1009);
    let mut socket = Socket::ready(&server).await;
    let _ = soon(socket.stream.send(Message::text("y".repeat(2 * 1024 * 1024)))).await;
    assert!(matches!(socket.seen().await, Seen::Close(1009, _) | Seen::Cut));
    soon(server.gauges.idle()).await;
}

fn fragment(text: String, is_first: bool) -> tokio_tungstenite::tungstenite::protocol::frame::Frame {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    let code = if is_first { Data::Text } else { Data::Continue };
    Frame::message(text.into_bytes(), OpCode::Data(code), !is_first)
}

#[tokio::test]
async fn a_client_without_a_sign_of_life_is_dropped() {
    let websocket = WebSocketOptions { ping_interval: Duration::from_millis(30), ..Default::default() };
    let server = server_with(websocket).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { pulses }").await;
    soon(server.toy.listeners.subscribe().wait_for(|count| *count == 1)).await.unwrap();
    // It does not read, so it does not answer pings.
    soon(server.gauges.idle()).await;
    assert_eq!(*server.toy.listeners.borrow(), 0);
    assert_eq!(socket.seen().await, Seen::Cut);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let websocket = WebSocketOptions { ping_interval: Duration::from_millis(100), ..Default::default() };
    let server = server_with(websocket).await;
    let mut socket = Socket::ready(&server).await;
    for _ in 0..5 {
        assert!(matches!(soon(socket.stream.next()).await, Some(Ok(Message::Ping(_)))));
    }
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.message().await, next("1", &json!({ "hello": "hello world" })));
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_subscriptions_and_is_dropped() {
    let websocket = WebSocketOptions {
        write_timeout: Duration::from_millis(200),
        close_timeout: Duration::from_millis(20),
        ..Default::default()
    };
    let server = server_with(websocket).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { flood }").await;
    soon(server.toy.flooded.subscribe().wait_for(|count| *count > 64)).await.unwrap();
    soon(server.gauges.idle()).await;
    let made = *server.toy.flooded.borrow();
    assert!(made < 1_000, "{made} items were made for nobody");
}

#[tokio::test]
async fn a_busy_subscription_does_not_starve_others() {
    let server = server().await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("busy", "subscription { flood }").await;
    socket.subscribe("1", "{ hello }").await;
    socket.send(json!({ "type": "ping" })).await;
    let mut wanted = 3;
    while wanted > 0 {
        let message = socket.message().await;
        wanted -= i32::from(message["id"] == "1" || message["type"] == "pong");
    }
}

#[tokio::test]
async fn the_sockets_of_one_subject_are_counted() {
    let websocket = WebSocketOptions { subject_sockets_max: 2, ..Default::default() };
    let server = server_with(websocket).await;
    let first = Socket::ready(&server).await;
    let _second = Socket::ready(&server).await;
    let _other = Socket::ready_as(&server, "bob").await;
    let mut third = Socket::open(&server).await;
    third.init(json!({ "token": "alice" })).await;
    assert_eq!(third.close_code().await, 1013);
    drop(third);
    drop(first);
    // The place comes back when the server has seen the socket go.
    loop {
        let mut again = Socket::open(&server).await;
        again.init(json!({ "token": "alice" })).await;
        if let Seen::Message(message) = again.seen().await {
            assert_eq!(message["type"], "connection_ack");
            break;
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_websocket_close_with_1002_and_bad_text_with_1007() {
    let server = server().await;
    for (bytes, code) in [
        // A frame that is not masked.
        (&[0x81, 0x02, b'{', b'}'][..], 1002),
        // Masked text, `ff ff`.
        (&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff][..], 1007),
    ] {
        let mut socket = Socket::ready(&server).await;
        match socket.stream.get_mut() {
            MaybeTlsStream::Plain(stream) => stream.write_all(bytes).await.unwrap(),
            _ => panic!("the server has no TLS"),
        }
        assert_eq!(socket.close_code().await, code);
    }
}
