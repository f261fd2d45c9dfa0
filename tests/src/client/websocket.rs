//! Subscriptions in the protocol `graphql-transport-ws`, one to a socket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue, protocol::CloseFrame},
};

use super::server::Server;

const PROTOCOL: &str = "graphql-transport-ws";
const ID: &str = "1";

/// A subscription under way. Dropping it closes the socket.
#[derive(Debug)]
pub struct Subscription {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    completed: bool,
}

/// Why a subscription gives nothing more.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// The server closed the socket, with this code if it gave one.
    #[error("the server closed the socket with code {code}: {reason}")]
    Closed {
        /// Close code; 1006 when the connection just ended.
        code: u16,
        /// Its explanation.
        reason: String,
    },
    /// The operation was refused or failed.
    #[error("the subscription failed: {0:#}")]
    Failed(Value),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] tungstenite::Error),
    /// The server does not keep to the protocol.
    #[error("unexpected message: {0}")]
    Unexpected(String),
}

impl SubscriptionError {
    /// The close code, if the server closed the socket.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether another attempt may fare better.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Closed { code, .. } => !(4400..4500).contains(code),
            Self::Broken(_) => true,
            Self::Failed(_) | Self::Unexpected(_) => false,
        }
    }
}

impl Subscription {
    pub(super) async fn open(
        server: &Server,
        document: &str,
        variables: Value,
    ) -> Result<Self, SubscriptionError> {
        let url = format!("{}/graphql", server.base.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(PROTOCOL));
        let (socket, _response) = connect_async(request).await?;
        let mut subscription = Self { socket, completed: false };

        let credentials =
            server.token.as_deref().map(|token| json!({ "Authorization": format!("Bearer {token}") }));
        subscription
            .send(&json!({ "type": "connection_init", "payload": credentials.unwrap_or(json!({})) }))
            .await?;
        let answer = subscription.receive().await?;
        if answer["type"] != "connection_ack" {
            return Err(SubscriptionError::Unexpected(answer.to_string()));
        }
        let payload = json!({ "query": document, "variables": variables });
        subscription.send(&json!({ "type": "subscribe", "id": ID, "payload": payload })).await?;
        Ok(subscription)
    }

    /// The `data` of the next item, or none when the server says that the stream is complete.
    ///
    /// # Errors
    /// The stream ended in another way.
    pub async fn next(&mut self) -> Result<Option<Value>, SubscriptionError> {
        if self.completed {
            return Ok(None);
        }
        let mut message = self.receive().await?;
        match message["type"].as_str() {
            Some("next") if message["payload"].get("errors").is_some() => {
                Err(SubscriptionError::Failed(message["payload"]["errors"].take()))
            }
            Some("next") => Ok(Some(message["payload"]["data"].take())),
            Some("error") => Err(SubscriptionError::Failed(message["payload"].take())),
            Some("complete") => {
                self.completed = true;
                Ok(None)
            }
            _ => Err(SubscriptionError::Unexpected(message.to_string())),
        }
    }

    /// Tells the server to stop the operation, keeping the socket open.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn complete(&mut self) -> Result<(), SubscriptionError> {
        self.send(&json!({ "type": "complete", "id": ID })).await
    }

    async fn send(&mut self, message: &Value) -> Result<(), SubscriptionError> {
        Ok(self.socket.send(Message::text(message.to_string())).await?)
    }

    /// The next message of the protocol that is not a ping, which it answers.
    async fn receive(&mut self) -> Result<Value, SubscriptionError> {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                None => return Err(closed(None)),
                // The library answers pings of the transport.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(error.into()),
            };
            let message: Value =
                serde_json::from_str(&text).map_err(|_| SubscriptionError::Unexpected(text.to_string()))?;
            match message["type"].as_str() {
                Some("ping") => self.send(&json!({ "type": "pong" })).await?,
                Some("pong") => {}
                _ => return Ok(message),
            }
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> SubscriptionError {
    match frame {
        Some(frame) => {
            SubscriptionError::Closed { code: frame.code.into(), reason: frame.reason.to_string() }
        }
        None => SubscriptionError::Closed { code: 1006, reason: String::new() },
    }
}
