//! Cursors: opaque to clients, checked when clients send them back.

use async_graphql::Error;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ctutor_engine::{
    client::{WorkflowCursor, WorkflowOrderField},
    ids::{EventId, RunId},
};

use super::error::coded;
use crate::transport::code;

/// Longer strings are not cursors of ours, and are not decoded.
const CURSOR_BYTES_MAX: usize = 1024;

/// A place in a list, which can be written and read back.
pub(super) trait Cursor: Sized {
    /// Distinguishes cursors of different lists.
    const KIND: &'static str;

    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

/// The text for clients.
pub(super) fn encode<C: Cursor>(cursor: &C) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", C::KIND, cursor.write()))
}

/// Reads what a client has sent back.
///
/// # Errors
/// When it is not a cursor of such a list.
pub(super) fn decode<C: Cursor>(argument: &'static str, text: &str) -> Result<C, Error> {
    try_decode(text).ok_or_else(|| malformed(argument))
}

fn try_decode<C: Cursor>(text: &str) -> Option<C> {
    if text.len() > CURSOR_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (kind, rest) = text.split_once(':')?;
    if kind == C::KIND { C::read(rest) } else { None }
}

/// The error for a string that is not a cursor, or is one of another list.
pub(super) fn malformed(argument: &'static str) -> Error {
    use async_graphql::ErrorExtensions;

    coded(code::BAD_USER_INPUT, format!(
            "`{argument}` is not a cursor of this list, expected one that it has returned, such as its `endCursor`"
        ))
        .extend_with(|_, extensions| extensions.set("argument", argument))
}

/// A place in a list of runs: it says nothing without the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunCursor {
    pub(super) field: WorkflowOrderField,
    pub(super) place: WorkflowCursor,
}

impl Cursor for RunCursor {
    const KIND: &'static str = "run";

    fn write(&self) -> String {
        let field = match self.field {
            WorkflowOrderField::CreatedAt => "created",
            WorkflowOrderField::ClosedAt => "closed",
            WorkflowOrderField::Priority => "priority",
        };
        format!("{field}:{}:{}", self.place.key, self.place.run_id)
    }

    fn read(text: &str) -> Option<Self> {
        let (field, rest) = text.split_once(':')?;
        let (key, run_id) = rest.split_once(':')?;
        let field = match field {
            "created" => WorkflowOrderField::CreatedAt,
            "closed" => WorkflowOrderField::ClosedAt,
            "priority" => WorkflowOrderField::Priority,
            _ => return None,
        };
        Some(Self { field, place: WorkflowCursor { key: key.parse().ok()?, run_id: run_id.parse().ok()? } })
    }
}

/// A place in the history of a run; 0 is before its first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventCursor {
    pub(super) run_id: RunId,
    pub(super) event_id: EventId,
}

impl Cursor for EventCursor {
    const KIND: &'static str = "event";

    fn write(&self) -> String {
        format!("{}:{}", self.run_id, self.event_id)
    }

    fn read(text: &str) -> Option<Self> {
        let (run_id, event_id) = text.split_once(':')?;
        let event_id = event_id.parse().ok().filter(|event_id| *event_id >= 0)?;
        Some(Self { run_id: run_id.parse().ok()?, event_id })
    }
}

impl EventCursor {
    /// Reads a cursor that must be of this run.
    pub(super) fn decode_of(argument: &'static str, text: &str, run_id: RunId) -> Result<EventId, Error> {
        let cursor: Self = decode(argument, text)?;
        if cursor.run_id == run_id { Ok(cursor.event_id) } else { Err(malformed(argument)) }
    }
}

/// A place in a list that is sorted by text.
impl Cursor for String {
    const KIND: &'static str = "name";

    fn write(&self) -> String {
        self.clone()
    }

    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// A place in a list that is sorted by number.
impl Cursor for i64 {
    const KIND: &'static str = "number";

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A place in a list that is sorted by time, then by text.
impl Cursor for (i64, String) {
    const KIND: &'static str = "time";

    fn write(&self) -> String {
        format!("{}:{}", self.0, self.1)
    }

    fn read(text: &str) -> Option<Self> {
        let (time, name) = text.split_once(':')?;
        Some((time.parse().ok()?, name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let run_id = RunId::new();
        for field in
            [WorkflowOrderField::CreatedAt, WorkflowOrderField::ClosedAt, WorkflowOrderField::Priority]
        {
            let cursor = RunCursor { field, place: WorkflowCursor { key: -5, run_id } };
            assert_eq!(decode::<RunCursor>("after", &encode(&cursor)).unwrap(), cursor);
        }
        let text = encode(&EventCursor { run_id, event_id: 12 });
        assert_eq!(EventCursor::decode_of("after", &text, run_id).unwrap(), 12);
        assert!(EventCursor::decode_of("after", &text, RunId::new()).is_err());
        let place = (5, "a:b".to_owned());
        assert_eq!(decode::<(i64, String)>("after", &encode(&place)).unwrap(), place);
    }

    #[test]
    fn cursors_of_other_lists_and_other_texts_are_refused_with_the_argument() {
        let name = encode(&"a".to_owned());
        assert!(decode::<RunCursor>("after", &name).is_err());
        for text in ["", "x", "====", "ä", &"A".repeat(2_000)] {
            let error = decode::<RunCursor>("before", text).unwrap_err();
            let told = "`before` is not a cursor of this list, expected one that it has returned, such as its `endCursor`";
            assert_eq!(error.message, told);
        }
    }
}
