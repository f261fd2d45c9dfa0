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
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    // The document knows which tags may be text.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut lines = Lines::new(text);
    loop {
        let line = lines.at(reader.buffer_position());
        let event = reader.read_event();
        let event = event.map_err(|fault| Fault::syntax(lines.at(reader.error_position()), &fault))?;
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

    fn at(&mut self, position: u64) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        if position > self.at {
            let passed = &self.text.as_bytes()[self.at..position];
            self.line += passed.iter().filter(|byte| **byte == b'\n').count();
            self.at = position;
        }
        self.line
    }
}
