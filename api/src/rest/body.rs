use std::time::Duration;

use axum::body::Body;
use serde_json::{Map, Value};

use super::error::Error;
use crate::transport;

/// Time for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body that must be a JSON object with no other fields than these.
pub(super) async fn object(
    body: Body,
    bytes_max: usize,
    known: &[&str],
) -> Result<Map<String, Value>, Error> {
    let reading = tokio::time::timeout(BODY_TIMEOUT, transport::read_bounded(body, bytes_max));
    // Reading fails beyond the bound, or when the client goes, who will not read the answer then.
    let bytes = reading
        .await
        .map_err(|_| Error::TooSlow)?
        .ok_or_else(|| Error::TooLarge { message: format!("the body is longer than {bytes_max} bytes") })?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid("body", format!("the body is not JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(Error::invalid("body", "the body must be a JSON object"));
    };
    let unknown: Vec<&str> = fields.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        let message = format!("unknown fields: {}; known are: {}", unknown.join(", "), known.join(", "));
        return Err(Error::Invalid { message, details: serde_json::json!({ "fields": unknown }) });
    }
    Ok(fields)
}
