//! `graphql-transport-ws`: many operations over one socket.
//!
//! A socket is `waiting` until the client has sent `connection_init` with a good token, then `ready`. The
//! server is authoritative for both, and for which ids are taken. What ends a socket, and how:
//!
//! | event | close code |
//! | --- | --- |
//! | no `connection_init` within 3 s | 4408 |
//! | `connection_init` with no token, or one that is refused | 4403 |
//! | the token expires | 4403 |
//! | a second `connection_init` | 4429 |
//! | `subscribe` before `connection_ack` | 4401 |
//! | `subscribe` with an id that is taken | 4409 |
//! | a message that is not of the protocol | 4400 |
//! | another protocol, or none | 4406 |
//! | a message longer than 256 KiB | 1009 |
//! | text that is not UTF-8 | 1007 |
//! | more sockets of one subject than allowed | 1013 |
//! | shutdown | 1001 |
//! | two ping intervals without a sign of life, or a write that takes 10 s | dropped |
//!
//! Clients retry after 1001, 1013 and 4403, asking for a new token; 4401 and the other 44xx are final to them.
//!
//! One task reads and writes a socket, so that an idle one is cheap; each operation has a task of its own.
//! Their messages wait in one bounded queue. A client that does not read stops its operations and nothing
//! else: what the reader itself has to say goes past the queue.

mod close;
mod connection;
mod message;
mod operation;
mod operations;
mod writer;

use std::sync::Arc;

use async_graphql::Executor;
use axum::body::Body;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection as Rejection};
use axum::extract::{FromRequestParts, Request};
use axum::http::{Method, Response, header};

use super::Service;
use super::auth::Authenticate;
use super::negotiate::Accepts;
use super::refusal::Refusal;

/// The one subprotocol that is offered.
pub const PROTOCOL: &str = "graphql-transport-ws";

/// A message that is a little too long is read and closes the socket with 1009; only a much longer one is cut off by the
/// WebSocket library.
///
/// A socket that closes with bytes unread resets the connection, and the client may never see the code.
const MESSAGE_CUT_FACTOR: usize = 4;

pub(super) fn is_upgrade(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    request.method() == Method::GET
        && upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Turns a request into a socket.
pub(super) async fn upgrade<E: Executor, A: Authenticate>(
    service: Arc<Service<E, A>>,
    request: Request,
) -> Response<Body> {
    let accepts = Accepts::of(request.headers());
    match try_upgrade(service, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(accepts.media_or_json()),
    }
}

async fn try_upgrade<E: Executor, A: Authenticate>(
    service: Arc<Service<E, A>>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (mut parts, _) = request.into_parts();
    let options = &service.options.websocket;
    if !options.origins.allow(&parts.headers) {
        return Err(Refusal::Origin);
    }
    let cut = options.message_bytes_max.saturating_mul(MESSAGE_CUT_FACTOR);
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| Refusal::Upgrade(missing(&rejection)))?
        .protocols([PROTOCOL])
        .read_buffer_size(options.read_buffer_bytes)
        .max_message_size(cut)
        .max_frame_size(cut);
    Ok(upgrade.on_upgrade(move |socket| connection::serve(service, socket)))
}

/// What a request lacks that is to become a WebSocket.
fn missing(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::InvalidConnectionHeader(_) => "the header `Connection: Upgrade`",
        Rejection::InvalidWebSocketVersionHeader(_) => "the header `Sec-WebSocket-Version: 13`",
        Rejection::WebSocketKeyHeaderMissing(_) => "the header `Sec-WebSocket-Key`",
        Rejection::ConnectionNotUpgradable(_) => {
            "a connection over HTTP/1.1, without a proxy that holds upgrades back"
        }
        _ => "the handshake of RFC 6455",
    }
}
