//! Reading a body within bounds.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::options::HttpOptions;
use super::refusal::Refusal;

/// How much of a body that is too long is read and dropped, as a multiple of its bound.
///
/// A client that still writes when the connection closes sees a reset instead of our answer.
const DISCARDED_FACTOR: usize = 8;

/// Reads a whole body.
///
/// A body that is too long is let in up to a second bound, so that its sender reads why it is refused.
pub(super) async fn read(headers: &HeaderMap, body: Body, options: &HttpOptions) -> Result<Bytes, Refusal> {
    let allowed = options.body_bytes_max;
    let is_announced = content_length(headers).is_some_and(|length| length > allowed as u64);
    if is_announced && headers.contains_key(header::EXPECT) {
        // The sender waits for leave to send, which is not given.
        return Err(Refusal::PayloadTooLarge { allowed });
    }
    match timeout(options.body_timeout, collect(body, allowed, is_announced)).await {
        Ok(result) => result,
        Err(_) if is_announced => Err(Refusal::PayloadTooLarge { allowed }),
        Err(_) => Err(Refusal::BodyTimeout),
    }
}

/// Reads a whole body for those with errors of their own; nothing when it is too long or breaks off.
pub(crate) async fn read_bounded(body: Body, allowed: usize) -> Option<Bytes> {
    collect(body, allowed, false).await.ok()
}

async fn collect(body: Body, allowed: usize, is_announced: bool) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut collected = BytesMut::new();
    let mut length: usize = 0;
    let mut is_too_long = is_announced;
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(_) if is_too_long => break,
            Err(_) => return Err(Refusal::BodyBroken),
        };
        length = length.saturating_add(chunk.len());
        is_too_long |= length > allowed;
        if !is_too_long {
            collected.extend_from_slice(&chunk);
        } else if length > allowed.saturating_mul(DISCARDED_FACTOR) {
            break;
        } else {
            collected = BytesMut::new();
        }
    }
    if is_too_long { Err(Refusal::PayloadTooLarge { allowed }) } else { Ok(collected.freeze()) }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
