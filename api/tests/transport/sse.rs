//! Event streams.

use std::time::Duration;

use ctutor_api::transport::{Options, SseOptions};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::http::{get, post, query, server};
use crate::soon;
use crate::toy::Server;

/// The events of an answer, comments included.
struct Events {
    bytes: BoxStream<'static, Option<Vec<u8>>>,
    buffer: String,
}

impl Events {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let bytes = response.bytes_stream().map(|chunk| chunk.ok().map(|bytes| bytes.to_vec())).boxed();
        Self { bytes, buffer: String::new() }
    }

    /// The next block, or nothing at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let block = block.to_owned();
                self.buffer = rest.to_owned();
                return Some(block);
            }
            let bytes = soon(self.bytes.next()).await??;
            self.buffer.push_str(&String::from_utf8(bytes).unwrap());
        }
    }

    async fn next_data(&mut self) -> Value {
        let block = self.next().await.unwrap();
        let data = block.strip_prefix("event: next\ndata: ").unwrap_or_else(|| panic!("not `next`: {block}"));
        serde_json::from_str(data).unwrap()
    }

    async fn complete(&mut self) {
        assert_eq!(self.next().await.as_deref(), Some("event: complete\ndata: "));
        assert_eq!(self.next().await, None);
    }
}

fn options(sse: SseOptions) -> Options {
    Options { sse, ..Options::default() }
}

#[tokio::test]
async fn a_subscription_streams_by_post_and_get() {
    let server = server().await;
    let text = "subscription { count(to: 3) }";
    for request in [post(&server).json(&query(text)), get(&server, &[("query", text)])] {
        let mut events = Events::open(request).await;
        for n in 1..=3 {
            assert_eq!(events.next_data().await, json!({ "data": { "count": n } }));
        }
        events.complete().await;
    }
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn a_query_can_be_streamed_by_those_who_take_nothing_else() {
    let server = server().await;
    let mut events = Events::open(post(&server).json(&query("{ hello }"))).await;
    assert_eq!(events.next_data().await, json!({ "data": { "hello": "hello world" } }));
    events.complete().await;
}

#[tokio::test]
async fn request_errors_are_the_only_event() {
    let server = server().await;
    for (text, code) in [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { count(to: \"x\") }", "BAD_USER_INPUT"),
        ("subscription { a: count(to: 1) b: count(to: 1) }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { failing }", "TEAPOT"),
    ] {
        let mut events = Events::open(post(&server).json(&query(text))).await;
        let answer = events.next_data().await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        assert_eq!(answer.get("data"), None, "{answer}");
        events.complete().await;
    }
}

#[tokio::test]
async fn a_failing_event_does_not_end_the_stream_and_a_panic_does() {
    let server = server().await;
    let mut events = Events::open(post(&server).json(&query("subscription { failingEvents }"))).await;
    assert_eq!(events.next_data().await["data"]["failingEvents"], 1);
    assert_eq!(events.next_data().await["errors"][0]["extensions"]["code"], "TEAPOT");
    assert_eq!(events.next_data().await["data"]["failingEvents"], 3);
    events.complete().await;

    let mut events = Events::open(post(&server).json(&query("subscription { panicking }"))).await;
    assert_eq!(events.next_data().await["data"]["panicking"], 1);
    let answer = events.next_data().await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
    assert!(!answer.to_string().contains("secret"));
    events.complete().await;
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_and_let_go_with_its_client() {
    let sse = SseOptions { keep_alive_interval: Duration::from_millis(5), ..SseOptions::default() };
    let server = Server::start(options(sse)).await;
    let mut events = Events::open(post(&server).json(&query("subscription { pulses }"))).await;
    let mut listeners = server.toy.listeners.subscribe();
    soon(listeners.wait_for(|count| *count == 1)).await.unwrap();
    assert_eq!(server.gauges.event_streams(), 1);
    assert_eq!(events.next().await.as_deref(), Some(":"));
    assert_eq!(events.next().await.as_deref(), Some(":"));
    server.toy.pulses.send(7).unwrap();
    while events.buffer.is_empty() {
        let block = events.next().await.unwrap();
        if block != ":" {
            assert_eq!(block, "event: next\ndata: {\"data\":{\"pulses\":7}}");
            break;
        }
    }
    drop(events);
    soon(listeners.wait_for(|count| *count == 0)).await.unwrap();
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let server = server().await;
    let request = reqwest::Client::new().post(server.url()).bearer_auth("expires-in-50");
    let mut events = Events::open(request.json(&query("subscription { pulses }"))).await;
    assert_eq!(events.next().await.as_deref(), Some(": the token has expired"));
    assert_eq!(events.next().await, None);
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn a_shutdown_cuts_streams_without_complete() {
    let server = server().await;
    let mut events = Events::open(post(&server).json(&query("subscription { pulses }"))).await;
    soon(server.toy.listeners.subscribe().wait_for(|count| *count == 1)).await.unwrap();
    server.shutdown.cancel();
    assert_eq!(events.next().await.as_deref(), Some(": the server is shutting down"));
    assert_eq!(events.next().await, None);
    soon(server.gauges.idle()).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_subscription_and_loses_it() {
    let sse = SseOptions { write_timeout: Duration::from_millis(100), ..SseOptions::default() };
    let server = Server::start(options(sse)).await;
    let request = post(&server).json(&query("subscription { flood }")).header("accept", "text/event-stream");
    let unread = request.send().await.unwrap();
    soon(server.gauges.idle()).await;
    let made = *server.toy.flooded.subscribe().borrow();
    assert!(made < 1_000, "{made} items were made for nobody");
    drop(unread);
}

#[tokio::test]
async fn streams_are_counted_by_subject() {
    let server = Server::start(options(SseOptions { subject_streams_max: 2, ..SseOptions::default() })).await;
    let pulses = query("subscription { pulses }");
    let open = |name: &str| {
        let request = reqwest::Client::new().post(server.url()).bearer_auth(name).json(&pulses);
        request.header("accept", "text/event-stream").send()
    };
    let first = open("ada").await.unwrap();
    let _second = open("ada").await.unwrap();
    let refused = open("ada").await.unwrap();
    assert_eq!(refused.status(), 429);
    let answer: Value = refused.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TOO_MANY_OPERATIONS");
    let other = open("bob").await.unwrap();
    assert_eq!(other.status(), 200);
    let mut listeners = server.toy.listeners.subscribe();
    soon(listeners.wait_for(|count| *count == 3)).await.unwrap();
    drop(first);
    soon(listeners.wait_for(|count| *count == 2)).await.unwrap();
    soon(async { while open("ada").await.unwrap().status() != 200 {} }).await;
}
