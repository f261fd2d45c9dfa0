//! A client that says exactly what a test tells it.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::soon;
use crate::toy::Server;

pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Message(Value),
    Close(u16, String),
    /// The connection ended without a close.
    Cut,
}

pub(crate) async fn connect(
    server: &Server,
    protocol: Option<&str>,
    origin: Option<&str>,
) -> Result<(Socket, Response), Error> {
    let mut request = format!("ws://{}/graphql", server.address).into_client_request()?;
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let (stream, response) = soon(connect_async(request)).await?;
    Ok((Socket { stream }, response))
}

impl Socket {
    /// Connected, not initialised.
    pub(crate) async fn open(server: &Server) -> Self {
        connect(server, Some("graphql-transport-ws"), None).await.unwrap().0
    }

    /// Connected, initialised, acknowledged.
    pub(crate) async fn ready(server: &Server) -> Self {
        Self::ready_as(server, "alice").await
    }

    pub(crate) async fn ready_as(server: &Server, token: &str) -> Self {
        let mut socket = Self::open(server).await;
        socket.init(json!({ "Authorization": format!("Bearer {token}") })).await;
        assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub(crate) async fn init(&mut self, payload: Value) {
        self.send(json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_text(message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        soon(self.stream.send(Message::text(text.into()))).await.unwrap();
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return Seen::Message(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Seen::Close(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                None | Some(Err(_)) => return Seen::Cut,
                Some(Ok(other)) => panic!("unexpected: {other:?}"),
            }
        }
    }

    pub(crate) async fn message(&mut self) -> Value {
        match self.seen().await {
            Seen::Message(message) => message,
            other => panic!("not a message: {other:?}"),
        }
    }

    pub(crate) async fn close_code(&mut self) -> u16 {
        match self.seen().await {
            Seen::Close(code, reason) => {
                assert!(reason.len() <= 123, "{reason}");
                code
            }
            other => panic!("not closed: {other:?}"),
        }
    }

    /// The errors of an `error` message.
    pub(crate) async fn error_code(&mut self, id: &str) -> String {
        let message = self.message().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
        message["payload"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn next(id: &str, data: &Value) -> Value {
    json!({ "type": "next", "id": id, "payload": { "data": data } })
}

pub(crate) fn complete(id: &str) -> Value {
    json!({ "type": "complete", "id": id })
}
