//! History: the append-only record of what happened in a run.
//!
//! The history is the only source of truth about a run; every other table is an index or a cache of it.
//! Event types and their attributes have Temporal's names and meanings, with two differences:
//! each event from outside activates the workflow code once, so replay needs no workflow task events;
//! and durations are integers in milliseconds with names that end in `Ms`.

// First, since the list of event types is a macro.
#[macro_use]
mod event_type;
mod attributes;

pub use attributes::*;
pub use event_type::{EventRole, EventType, UnknownEventType};

use std::sync::Arc;

use crate::{clock::Timestamp, ids::EventId};

/// One event in the history of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// Position in the history: 1, 2, 3 … without gaps.
    pub event_id: EventId,
    /// When it was recorded.
    pub time: Timestamp,
    /// Type and attributes of the event.
    pub attributes: EventAttributes,
}

/// An event as it is stored. It is encoded where it is created, which keeps that work off the writer.
#[derive(Debug, Clone)]
pub(crate) struct EncodedEvent {
    pub(crate) event_id: EventId,
    pub(crate) time: Timestamp,
    pub(crate) event_type: EventType,
    /// JSON.
    pub(crate) attributes: Arc<str>,
}

impl EncodedEvent {
    /// Number of bytes that it adds to the size of its history.
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

    /// ID of the event that scheduled the activity that this event is about; `None` if it is not about an activity.
    #[must_use]
    pub fn scheduled_event_id(&self) -> Option<EventId> {
        match &self.attributes {
            EventAttributes::ActivityTaskScheduled(_) => Some(self.event_id),
            EventAttributes::ActivityTaskStarted(attributes) => Some(attributes.scheduled_event_id),
            EventAttributes::ActivityTaskCompleted(attributes) => Some(attributes.scheduled_event_id),
            EventAttributes::ActivityTaskFailed(attributes) => Some(attributes.scheduled_event_id),
            EventAttributes::ActivityTaskTimedOut(attributes) => Some(attributes.scheduled_event_id),
            EventAttributes::ActivityTaskCancelRequested(attributes) => Some(attributes.scheduled_event_id),
            EventAttributes::ActivityTaskCanceled(attributes) => Some(attributes.scheduled_event_id),
            EventAttributes::WorkflowExecutionStarted(_)
            | EventAttributes::WorkflowExecutionCompleted(_)
            | EventAttributes::WorkflowExecutionFailed(_)
            | EventAttributes::WorkflowExecutionTimedOut(_)
            | EventAttributes::WorkflowExecutionCancelRequested(_)
            | EventAttributes::WorkflowExecutionCanceled(_)
            | EventAttributes::WorkflowExecutionTerminated(_)
            | EventAttributes::TimerStarted(_)
            | EventAttributes::TimerFired(_)
            | EventAttributes::TimerCanceled(_) => None,
        }
    }
}

/// A stored event that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The event type is unknown to this version.
    #[error(transparent)]
    UnknownType(#[from] UnknownEventType),
    /// The attributes do not match the event type.
    #[error("the attributes of a `{event_type}` event cannot be read")]
    Attributes {
        /// The type of the event.
        event_type: EventType,
        /// Why the JSON could not be parsed.
        #[source]
        source: serde_json::Error,
    },
}
