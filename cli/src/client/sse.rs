//! Event streams as `graphql-sse` sends them: a decoder without any I/O.

/// The most bytes that one event may have. Ours have at most a payload and its envelope.
const EVENT_BYTES_MAX: usize = 80 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name: `next` or `complete`.
    pub(super) name: String,
    /// Its data, several lines joined.
    pub(super) data: String,
}

/// An event is larger than any of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Cuts the bytes of a stream into events. Comments, which keep a silent connection open, are left out.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    name: String,
    data: Vec<u8>,
    /// A line end in two bytes may be cut between them.
    after_return: bool,
}

impl Decoder {
    /// Takes what arrived and gives the events that it ends.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLarge> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(TooLarge);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line.as_slice(), [].as_slice()),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            // Comments, and fields that this protocol does not use.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if name.is_empty() && data.is_empty() {
            return None;
        }
        data.pop();
        Some(Event { name, data: String::from_utf8_lossy(&data).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into() }
    }

    #[test]
    fn events_are_found_wherever_the_bytes_are_cut() {
        let text = ":\n\nevent: next\ndata: {\"ä\":1}\n\n: bye\r\n\r\nevent: next\r\ndata: a\r\ndata: b\r\n\r\nevent: complete\ndata: \n\n";
        let expected = [event("next", "{\"ä\":1}"), event("next", "a\nb"), event("complete", "")];
        for size in 1..text.len() {
            let mut decoder = Decoder::default();
            let found: Vec<Event> =
                text.as_bytes().chunks(size).flat_map(|chunk| decoder.feed(chunk).unwrap()).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_that_was_not_ended_is_not_given() {
        assert_eq!(Decoder::default().feed(b"event: next\ndata: 1\n"), Ok(Vec::new()));
    }
}
