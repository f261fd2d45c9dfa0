use std::borrow::Cow;

use quick_xml::{Reader, events::Event};

use super::{
    case::Reported,
    document::Document,
    fault::Fault,
    text::{RAW_BYTES_MAX, beginning},
};

/// Reads the tests of a report in their order.
///
/// There may be several documents in one text. A document type is passed over, so its entities are not defined.
/// What a message holds never makes a report unreadable, as long as the elements around it can be told.
///
/// # Errors
/// [`Fault`] when the text is not well-formed or exceeds a bound.
pub(super) fn read(text: &str) -> Result<Reported, Fault> {
    let text = escape_stray(text.trim_start_matches('\u{feff}'));
    let mut document = Document::default();
    match read_into(&mut document, &text) {
        // What begins otherwise was not meant as XML, whatever tag is in it.
        Err(_) if !document.has_root() && !text.trim_start().starts_with('<') => {
            Err(Fault::no_element(&text))
        }
        result => result.and_then(|lines| document.finish(&text, lines)),
    }
}

/// Tells the document all events of a text, and returns the number of its lines.
fn read_into(document: &mut Document, text: &str) -> Result<usize, Fault> {
    let mut lines = Lines::new(text);
    // Where the reader began: after a `<` that is text, another one begins.
    let mut start = 0;
    let mut reader = reader(text);
    loop {
        let position = reader.buffer_position();
        let at = usize::try_from(position).map_or(text.len(), |position| start + position);
        let line = lines.at(at);
        if document.is_within_text()
            && let Some(stray) = stray(&text[at..])
        {
            if document.takes_text() {
                document.text(&format!("&lt;{}", beginning(&stray[1..], RAW_BYTES_MAX)));
            }
            start = at + stray.len();
            reader = self::reader(&text[start..]);
            continue;
        }
        let event = reader.read_event().map_err(|fault| {
            let position = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            Fault::syntax(lines.at(start.saturating_add(position)), &fault)
        })?;
        match event {
            Event::Start(tag) => document.start(&tag, line)?,
            Event::End(tag) => document.end(tag.local_name().as_ref(), line)?,
            Event::Empty(tag) => document.empty(&tag, line)?,
            Event::Text(text) => document.text(&text.xml10_content()),
            Event::CData(text) => {
                document.text(&beginning(&text.xml10_content(), RAW_BYTES_MAX).replace('&', "&amp;"));
            }
            Event::GeneralRef(reference) if document.takes_text() => {
                document.text(&format!("&{};", &*reference));
            }
            Event::GeneralRef(_) => {}
            Event::Eof => return Ok(line),
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    // The document knows which tags may be text.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    reader
}

/// A `<` at the beginning of what follows in an element that holds text, with all up to the next one, if it begins no
/// markup: a tag or a comment has to end before the next `<`.
///
/// A section of characters is always one. Where it has no end the report may have been cut off, and what looks like the
/// rest of a report in it may have been printed by a submission.
fn stray(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('<')?;
    if rest.starts_with("![CDATA[") {
        return None;
    }
    let piece = &rest[..rest.find('<').unwrap_or(rest.len())];
    let is_markup = match piece.strip_prefix("!--") {
        Some(comment) => comment.contains("-->"),
        None if piece.starts_with(['!', '?']) => false,
        None if piece.starts_with('/') => piece.contains('>'),
        None => has_end_of_tag(piece),
    };
    (!is_markup).then(|| &text[..1 + piece.len()])
}

/// Whether there is a `>` that is not within quotes.
fn has_end_of_tag(piece: &str) -> bool {
    let mut quote = None;
    piece.bytes().any(|byte| {
        match (quote, byte) {
            (None, b'>') => return true,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        false
    })
}

/// Escapes each `<` that begins neither a tag nor a comment nor the like, as in `1 < 2`.
fn escape_stray(text: &str) -> Cow<'_, str> {
    let mut escaped = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(next) = text[at..].find('<') {
        at += next;
        let rest = &text[at + 1..];
        let end = |mark: &str| rest.find(mark).map_or(text.len(), |end| at + 1 + end);
        match rest.chars().next() {
            _ if rest.starts_with("![CDATA[") => at = end("]]>"),
            _ if rest.starts_with("!--") => at = end("-->"),
            Some('!' | '?' | '/' | '_' | ':') => at += 1,
            Some(letter) if letter.is_alphabetic() => at += 1,
            _ => {
                escaped.push_str(&text[copied..at]);
                escaped.push_str("&lt;");
                at += 1;
                copied = at;
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    escaped.push_str(&text[copied..]);
    Cow::Owned(escaped)
}

/// Counts lines while the reader goes on.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    fn at(&mut self, position: usize) -> usize {
        let position = position.min(self.text.len());
        if position > self.at {
            let passed = &self.text.as_bytes()[self.at..position];
            self.line += passed.iter().filter(|byte| **byte == b'\n').count();
            self.at = position;
        }
        self.line
    }
}
