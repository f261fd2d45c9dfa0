//! History: the append-only record of what happened in a run.
//!
//! A run is what its history says; everything else is an index to it or a cache of it.
//! Event types carry Temporal's names and their attributes mean the same, with two differences:
//! every event from outside is an activation of its own, so no workflow task events are needed to replay;
//! and lengths of time are integers in milliseconds whose names end in `Ms`.

mod attributes;
mod event_type;

pub use attributes::*;
pub use event_type::{EventType, UnknownEventType};

use std::sync::Arc;

use crate::{clock::Timestamp, ids::EventId};

/// One fact in a run's history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// Its position: 1, 2, 3 … without a gap.
    pub event_id: EventId,
    /// When it was recorded.
    pub time: Timestamp,
    /// What happened.
    pub attributes: EventAttributes,
}

/// An event as it is stored. Whoever makes an event encodes it, so that the one writer need not.
#[derive(Debug, Clone)]
pub(crate) struct EncodedEvent {
    pub(crate) event_id: EventId,
    pub(crate) time: Timestamp,
    pub(crate) event_type: EventType,
    /// JSON.
    pub(crate) attributes: Arc<str>,
}

impl EncodedEvent {
    /// What it adds to the size of its history, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.attributes.len()
    }
}

impl From<&HistoryEvent> for EncodedEvent {
    fn from(event: &HistoryEvent) -> Self {
        Self {
            event_id: event.event_id,
            time: event.time,
            event_type: event.event_type(),
            attributes: event.attributes.to_json().into(),
        }
    }
}

impl HistoryEvent {
    /// The type of the event.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        self.attributes.event_type()
    }
}

/// A stored event that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A type that this version does not know.
    #[error(transparent)]
    UnknownType(#[from] UnknownEventType),
    /// Attributes that do not fit their type.
    #[error("the attributes of a `{event_type}` event cannot be read")]
    Attributes {
        /// The type of the event.
        event_type: EventType,
        /// What did not fit.
        #[source]
        source: serde_json::Error,
    },
}
