//! Subscriptions over server-sent events, in the distinct connections mode of `graphql-sse`.

use std::pin::Pin;

use anyhow::{Context, Result, bail};
use futures_util::{Stream, StreamExt, TryStreamExt};
use reqwest::Response;
use serde_json::Value;

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>;

/// A stream under way. Dropping it closes the connection.
pub struct EventStream {
    chunks: Chunks,
    /// Received, up to the last whole event.
    pending: Vec<u8>,
    comments: Vec<String>,
}

impl EventStream {
    pub(super) fn new(response: Response) -> Self {
        let chunks = response.bytes_stream().map_ok(|bytes| bytes.to_vec()).boxed();
        Self { chunks, pending: Vec::new(), comments: Vec::new() }
    }

    /// The `data` of the next item, or none when the server says that the stream is complete.
    ///
    /// # Errors
    /// The operation failed, or the connection ended without completion.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            let (event, data) = self.event().await?;
            match event.as_str() {
                "complete" => return Ok(None),
                "next" => {
                    let mut payload: Value = serde_json::from_str(&data)?;
                    if payload.get("errors").is_some() {
                        bail!("the subscription failed: {:#}", payload["errors"]);
                    }
                    return Ok(Some(payload["data"].take()));
                }
                // Comments alone, such as those that keep the connection alive.
                "" if data.is_empty() => {}
                other => bail!("unexpected event `{other}`"),
            }
        }
    }

    /// Comments received so far, in which the server says why it cuts a stream.
    #[must_use]
    pub fn comments(&self) -> &[String] {
        &self.comments
    }

    /// Name and data of the next event.
    async fn event(&mut self) -> Result<(String, String)> {
        let text = loop {
            if let Some(end) = self.pending.windows(2).position(|pair| pair == b"\n\n") {
                let event = self.pending.drain(..end + 2).collect();
                break String::from_utf8(event).context("events are UTF-8")?;
            }
            match self.chunks.next().await {
                Some(chunk) => self.pending.extend(chunk?),
                None => bail!("the stream ended without completion, comments: {:?}", self.comments),
            }
        };
        let (mut name, mut data) = (String::new(), Vec::new());
        for line in text.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => data.push(value.to_owned()),
                "" if !value.is_empty() => self.comments.push(value.to_owned()),
                _ => {}
            }
        }
        Ok((name, data.join("\n")))
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("comments", &self.comments).finish_non_exhaustive()
    }
}
