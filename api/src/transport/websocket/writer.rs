//! The writing half of a socket.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::close::Close;
use super::operations::Operations;

/// A message of an operation.
pub(super) struct Item {
    pub(super) id: Arc<str>,
    pub(super) generation: u64,
    pub(super) place: Place,
    pub(super) text: Utf8Bytes,
}

/// Where a message stands in its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Between,
    Last,
}

/// What the reader has to say. It goes before the messages of operations.
pub(super) enum Control {
    Text(Utf8Bytes),
    Ping,
    Close(Close),
}

pub(super) struct Writer {
    pub(super) sink: SplitSink<WebSocket, Message>,
    pub(super) control: mpsc::Receiver<Control>,
    pub(super) queue: mpsc::Receiver<Item>,
    pub(super) operations: Operations,
    pub(super) write_timeout: Duration,
}

impl Writer {
    /// Writes until the socket is closed, broken, or too slow.
    pub(super) async fn run(mut self) {
        loop {
            let message = tokio::select! {
                biased;
                control = self.control.recv() => match control {
                    Some(Control::Text(text)) => Message::Text(text),
                    Some(Control::Ping) => Message::Ping(Bytes::new()),
                    Some(Control::Close(close)) => {
                        self.write(Message::Close(Some(close.into_frame()))).await;
                        return;
                    }
                    None => return,
                },
                Some(item) = self.queue.recv() => match self.admit(item) {
                    Some(text) => Message::Text(text),
                    None => continue,
                },
            };
            if !self.write(message).await {
                return;
            }
        }
    }

    /// The id is free from before its last message is written: the answer to it may come at any time after.
    fn admit(&self, item: Item) -> Option<Utf8Bytes> {
        let is_current = match item.place {
            Place::Between => self.operations.is_current(&item.id, item.generation),
            Place::Last => self.operations.finish(&item.id, item.generation),
        };
        is_current.then_some(item.text)
    }

    async fn write(&mut self, message: Message) -> bool {
        matches!(timeout(self.write_timeout, self.sink.send(message)).await, Ok(Ok(())))
    }
}
