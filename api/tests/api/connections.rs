//! Connections, byte by byte.

use std::{net::SocketAddr, time::Duration};

use ctutor_api::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::harness::Api;

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

async fn connect(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(words).await.unwrap();
    stream
}

/// What comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("not closed").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The first bytes of an answer.
async fn begin(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 15];
    timeout(Duration::from_secs(20), stream.read_exact(&mut bytes)).await.expect("no answer").unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_client_that_does_not_finish_the_head_of_a_request_is_let_go() {
    let head_timeout = Duration::from_millis(200);
    let api = Api::start_with(Options { head_timeout, ..Options::default() }).await;
    for words in [&b""[..], b"GET /healthz HTTP/1.1\r\nhost:", b"P", REQUEST] {
        let mut stream = connect(api.address(), words).await;
        let answer = rest(&mut stream).await;
        let is_answered = words == REQUEST;
        assert_eq!(answer.starts_with("HTTP/1.1 200"), is_answered, "{answer}");
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let api = Api::start_with(Options { connections_max: 1, ..Options::default() }).await;
    let mut first = connect(api.address(), REQUEST).await;
    assert_eq!(begin(&mut first).await, "HTTP/1.1 200 OK");
    let mut second = connect(api.address(), REQUEST).await;
    first.write_all(REQUEST).await.unwrap();
    drop(first);
    assert_eq!(begin(&mut second).await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_shutdown() {
    let api = Api::start().await;
    let mut silent = connect(api.address(), b"").await;
    let mut idle = connect(api.address(), REQUEST).await;
    assert_eq!(begin(&mut idle).await, "HTTP/1.1 200 OK");
    timeout(Duration::from_secs(8), api.stop()).await.expect("the server waits for nobody");
    rest(&mut silent).await;
    rest(&mut idle).await;
}
