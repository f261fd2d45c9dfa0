//! The messages of the protocol.

use std::borrow::Cow;

use async_graphql::ServerError;
use axum::extract::ws::Utf8Bytes;
use ctutor_engine::{near, payload::syntax};
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::error::{code, coded};
use super::super::params::{self, Entries, Params};
use super::super::reply::{Reply, to_json};

/// The longest id that a client may choose.
const ID_BYTES_MAX: usize = 256;
/// How much of an unknown type is said back: the reason of a close is short.
const TYPE_CHARS_MAX: usize = 20;

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
#[derive(Debug, Default)]
pub(super) struct InitPayload {
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

const TYPES: [&str; 5] = ["connection_init", "ping", "pong", "subscribe", "complete"];

/// Messages of the protocol that came before, and what they have become.
const OLD_TYPES: [(&str, &str); 3] =
    [("start", "`subscribe`"), ("stop", "`complete`"), ("connection_terminate", "a close of the socket")];

impl FromClient {
    /// Reads a message, or tells what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let message = Keys::read("the message", text, &["type", "id", "payload"])?;
        let kind = message
            .string("type", "type")?
            .ok_or_else(|| format!("`type` is missing, expected {}", types()))?;
        match kind.as_str() {
            "connection_init" => init_payload(&message).map(Self::ConnectionInit),
            "ping" => {
                message.object("payload")?;
                Ok(Self::Ping(message.get("payload").map(ToOwned::to_owned)))
            }
            "pong" => message.object("payload").map(|_| Self::Pong),
            "subscribe" => subscribe(&message),
            "complete" => Ok(Self::Complete { id: id(&message)? }),
            other => Err(unknown_type(other)),
        }
    }
}

fn types() -> String {
    format!("one of {}", TYPES.map(|known| format!("`{known}`")).join(", "))
}

fn unknown_type(found: &str) -> String {
    let old = OLD_TYPES.iter().find(|(old, _)| *old == found);
    if let Some((_, now)) = old {
        return format!(
            "`type` is `{found}`, which is of the old protocol `subscriptions-transport-ws`; expected {now}"
        );
    }
    let shown: String = found.chars().take(TYPE_CHARS_MAX).collect();
    match near::meant(found, TYPES) {
        Some(meant) => format!("`type` is `{shown}`; did you mean `{meant}`?"),
        None => format!("`type` is `{shown}`, expected {}", types()),
    }
}

fn subscribe(message: &Keys<'_>) -> Result<FromClient, String> {
    let id = id(message)?;
    let payload = message.get("payload");
    let payload = payload.ok_or_else(|| coded(code::BAD_REQUEST, "`subscribe` has no payload"));
    let params = payload.and_then(|payload| {
        let params = params::from_text("the payload of `subscribe`", payload.get());
        params.map(Box::new).map_err(params::Error::into_server_error)
    });
    Ok(FromClient::Subscribe { id, params })
}

fn id(message: &Keys<'_>) -> Result<String, String> {
    let expected = format!("expected a string of 1 to {ID_BYTES_MAX} bytes");
    match message.get("id") {
        None => Err(format!("`id` is missing, {expected}")),
        Some(id) => match string(id) {
            Ok(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(id),
            Ok(id) => Err(format!("`id` has {} bytes, {expected}", id.len())),
            Err(found) => Err(format!("`id` is {found}, {expected}")),
        },
    }
}

fn init_payload(message: &Keys<'_>) -> Result<InitPayload, String> {
    let Some(payload) = message.object("payload")? else { return Ok(InitPayload::default()) };
    let payload = Keys::read("`payload`", payload.get(), &["Authorization", "authorization", "token"])?;
    Ok(InitPayload {
        header: payload.string("Authorization", "payload.Authorization")?,
        authorization: payload.string("authorization", "payload.authorization")?,
        token: payload.string("token", "payload.token")?,
    })
}

/// The keys of an object that mean something here, each at most once.
struct Keys<'a>(Vec<(&'static str, &'a RawValue)>);

impl<'a> Keys<'a> {
    fn read(what: &str, text: &'a str, known: &[&'static str]) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err(format!("{what} is empty, expected a JSON object"));
        }
        if let Some(fault) = syntax::find(text) {
            return Err(format!("{what} is not JSON: {fault}"));
        }
        if !text.trim_start().starts_with('{') {
            return Err(format!("{what} is {}, expected a JSON object", syntax::kind(text)));
        }
        // What is JSON and an object has no other fault.
        let read = serde_json::from_str(text);
        let Entries(entries) =
            read.map_err(|_| format!("{what} has a key with an escape that is not a character"))?;
        let mut keys = Self(Vec::new());
        for (name, value) in entries {
            let Some(key) = known.iter().find(|key| **key == name) else { continue };
            if keys.get(key).is_some() {
                return Err(format!("{what} has the key `{key}` twice; send it once"));
            }
            keys.0.push((key, value));
        }
        Ok(keys)
    }

    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// A string; null is as good as none.
    fn string(&self, key: &str, place: &str) -> Result<Option<String>, String> {
        let Some(value) = self.get(key).filter(|value| value.get() != "null") else { return Ok(None) };
        string(value).map(Some).map_err(|found| {
            let expected = if key == "type" { types() } else { "a string or null".to_owned() };
            format!("`{place}` is {found}, expected {expected}")
        })
    }

    /// An object; null is as good as none.
    fn object(&self, key: &str) -> Result<Option<&'a RawValue>, String> {
        match self.get(key).filter(|value| value.get() != "null") {
            Some(value) if !value.get().starts_with('{') => {
                Err(format!("`{key}` is {}, expected a JSON object or null", syntax::kind(value.get())))
            }
            value => Ok(value),
        }
    }
}

/// A string, or what stands in its place.
fn string(value: &RawValue) -> Result<String, &'static str> {
    serde_json::from_str(value.get()).map_err(|_| match syntax::kind(value.get()) {
        "a string" => "a string with an escape that is not a character",
        kind => kind,
    })
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
