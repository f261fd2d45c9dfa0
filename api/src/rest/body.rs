use std::{collections::BTreeMap, time::Duration};

use axum::body::Body;
use ctutor_engine::payload::{
    Payload, strict,
    syntax::{self, SyntaxError},
};

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
        return Err(Error::unknown("fields", &unknown, known));
    }
    Ok(fields)
}

/// The fields of an object. A value that a parser would lose is refused with its path.
fn read(bytes: &[u8]) -> Result<Fields, Error> {
    let refused = |message: String| Error::invalid("body", message);
    let not_json = |fault: SyntaxError| refused(format!("the body is not JSON: {fault}"));
    let text = syntax::text(bytes).map_err(not_json)?;
    if text.trim().is_empty() {
        return Err(refused("the body is empty, expected a JSON object".to_owned()));
    }
    let checked = strict::check(text, strict::Around::Object).map_err(|fault| match syntax::find(text) {
        // Rules beyond the grammar can be broken only by what is JSON.
        Some(fault) => not_json(fault),
        None => {
            let field = fault.place();
            Error::invalid(&field, format!("`{field}`: {fault}"))
        }
    })?;
    checked
        .fields()
        .ok_or_else(|| refused(format!("the body is {}, expected a JSON object", syntax::kind(text))))
}
