use std::{collections::BTreeMap, fmt::Display, time::Duration};

use axum::body::Body;
use ctutor_engine::payload::{Payload, strict};

use super::error::Error;
use crate::transport;

/// The fields of a body, each as it was written.
pub(super) type Fields = BTreeMap<String, Payload>;

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes_max: usize,
    /// Time for the body to arrive.
    pub(super) timeout: Duration,
}

/// Reads a body that must be a JSON object with no other fields than these.
pub(super) async fn object(body: Body, bounds: Bounds, known: &[&str]) -> Result<Fields, Error> {
    let Bounds { bytes_max, timeout } = bounds;
    let reading = tokio::time::timeout(timeout, transport::read_bounded(body, bytes_max));
    // Reading fails beyond the bound, or when the client disconnects and no longer reads the response.
    let bytes = reading
        .await
        .map_err(|_| Error::TooSlow)?
        .ok_or_else(|| Error::TooLarge { message: format!("the body is longer than {bytes_max} bytes") })?;
    let fields = read(&bytes)?;
    let unknown: Vec<String> = fields
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| strict::shown(name))
        .collect();
    if !unknown.is_empty() {
        let message = format!("unknown fields: {}; known are: {}", unknown.join(", "), known.join(", "));
        return Err(Error::Invalid { message, details: serde_json::json!({ "fields": unknown }) });
    }
    Ok(fields)
}

/// The fields of an object. A value that a parser would lose is refused with its path.
fn read(bytes: &[u8]) -> Result<Fields, Error> {
    let not_json = |error: &dyn Display| Error::invalid("body", format!("the body is not JSON: {error}"));
    let text = std::str::from_utf8(bytes).map_err(|_| not_json(&"it is not encoded in UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Error::invalid("body", "the body is empty; it must be a JSON object"));
    }
    let payload = Payload::parse(text).map_err(|error| not_json(&error))?;
    if !payload.is_object() {
        return Err(Error::invalid("body", "the body must be a JSON object"));
    }
    strict::check(text).map_err(|fault| {
        let field = fault.path.join(".");
        Error::invalid(&field, format!("`{field}`: {fault}"))
    })?;
    payload.decode().map_err(|error| not_json(&error))
}
