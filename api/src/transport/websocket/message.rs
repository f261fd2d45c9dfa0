//! The messages of the protocol.

use std::borrow::Cow;

use async_graphql::ServerError;
use axum::extract::ws::Utf8Bytes;
use ctutor_engine::payload::syntax;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::error::{code, coded};
use super::super::params::{self, Params};
use super::super::reply::{Reply, to_json};

/// The longest id that a client may choose.
const ID_BYTES_MAX: usize = 256;

/// What a client says.
#[derive(Debug)]
pub(super) enum FromClient {
    ConnectionInit(InitPayload),
    Ping(Option<Box<RawValue>>),
    Pong,
    /// The parameters, or why they are refused: that concerns this operation alone.
    Subscribe {
        id: String,
        params: Result<Box<Params>, ServerError>,
    },
    Complete {
        id: String,
    },
}

/// The payload of `connection_init`. Unknown keys are the client's own affair.
#[derive(Debug, Default, Deserialize)]
pub(super) struct InitPayload {
    #[serde(rename = "Authorization")]
    header: Option<String>,
    authorization: Option<String>,
    token: Option<String>,
}

impl InitPayload {
    /// The token with its scheme, or bare where the key says that it is one.
    pub(super) fn authorization(&self) -> Option<Cow<'_, str>> {
        let header = self.header.as_deref().or(self.authorization.as_deref()).map(Cow::Borrowed);
        header.or_else(|| self.token.as_deref().map(with_scheme))
    }
}

fn with_scheme(token: &str) -> Cow<'_, str> {
    if token.contains(' ') { Cow::Borrowed(token) } else { Cow::Owned(format!("Bearer {token}")) }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    id: Option<String>,
    // Kept as text: only the type of a message tells what its payload must be.
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

impl FromClient {
    /// Reads a message, or tells what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("expected a message that is a JSON object".to_owned());
        }
        let message: Envelope<'_> = serde_json::from_str(text).map_err(|error| match syntax::find(text) {
            Some(fault) => format!("the message is not JSON: {fault}"),
            None => format!("a message cannot be read: {error}"),
        })?;
        match &*message.kind {
            "connection_init" => object_payload(message.payload).map(Self::ConnectionInit),
            "ping" => {
                check_object(message.payload)?;
                Ok(Self::Ping(message.payload.map(ToOwned::to_owned)))
            }
            "pong" => check_object(message.payload).map(|()| Self::Pong),
            "subscribe" => subscribe(message),
            "complete" => Ok(Self::Complete { id: id(message.id)? }),
            _ => Err("expected `type` to be `connection_init`, `ping`, `pong`, `subscribe` or `complete`"
                .to_owned()),
        }
    }
}

fn subscribe(message: Envelope<'_>) -> Result<FromClient, String> {
    let id = id(message.id)?;
    let payload = message.payload.ok_or_else(|| coded(code::BAD_REQUEST, "`subscribe` has no payload"));
    let params = payload.and_then(|payload| {
        let params = params::from_text("the payload of `subscribe`", payload.get());
        params.map(Box::new).map_err(params::Error::into_server_error)
    });
    Ok(FromClient::Subscribe { id, params })
}

fn id(id: Option<String>) -> Result<String, String> {
    match id {
        Some(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(id),
        Some(_) => Err(format!("`id` must have 1 to {ID_BYTES_MAX} bytes")),
        None => Err("the message has no `id`".to_owned()),
    }
}

fn object_payload<T: Default + for<'de> Deserialize<'de>>(payload: Option<&RawValue>) -> Result<T, String> {
    check_object(payload)?;
    match payload.map(RawValue::get) {
        None | Some("null") => Ok(T::default()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| format!("the payload of `connection_init` cannot be read: {error}")),
    }
}

fn check_object(payload: Option<&RawValue>) -> Result<(), String> {
    let is_fit = payload.is_none_or(|payload| payload.get() == "null" || payload.get().starts_with('{'));
    if is_fit { Ok(()) } else { Err("expected `payload` to be a JSON object".to_owned()) }
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromServer<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a RawValue>,
    },
    Next {
        id: &'a str,
        payload: &'a Reply,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl FromServer<'_> {
    pub(super) fn to_text(&self) -> Utf8Bytes {
        Utf8Bytes::try_from(to_json(self)).expect("JSON is UTF-8")
    }
}
