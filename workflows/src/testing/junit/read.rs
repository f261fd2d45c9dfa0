use quick_xml::{Reader, events::Event};

use super::{attributes::Attributes, document::Document};
use crate::testing::report::Verdict;

pub(super) const DEPTH_MAX: usize = 64;
pub(super) const CASES_MAX: usize = 20_000;
const NAME_BYTES_MAX: usize = 300;

/// One `testcase`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::testing) struct Case {
    /// Class and name, which need not be unique.
    pub(in crate::testing) name: String,
    pub(in crate::testing) verdict: Verdict,
    pub(in crate::testing) message: Option<String>,
    pub(in crate::testing) seconds: f64,
}

/// Why a report cannot be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the report is empty")]
    Empty,
    #[error("its encoding `{label}` is not supported; write the report in UTF-8")]
    Encoding { label: String },
    #[error("it is not JUnit XML: the root element is `{root}`, expected `testsuites` or `testsuite`")]
    Root { root: String },
    #[error("it is cut off: it ends before its last element does")]
    CutOff,
    #[error("it is not well-formed XML at line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error(
        "unknown state `{word}` in the attribute `{attribute}` of the test `{test}` at line {line}; \
         expected a word like `passed`, `failed` or `skipped`"
    )]
    Word { attribute: String, word: String, test: String, line: usize },
    #[error(
        "unknown element `{element}` in the test `{test}` at line {line}; \
         expected an element like `failure`, `error`, `skipped` or `system-out`"
    )]
    Element { element: String, test: String, line: usize },
    #[error("its elements are nested deeper than {DEPTH_MAX}")]
    TooDeep,
    #[error("an element at line {line} has too many attributes that state a result")]
    TooManyStates { line: usize },
    #[error("it has more than {CASES_MAX} tests")]
    TooManyCases,
}

/// Reads the tests of a report in their order.
///
/// There may be several documents in one text. A document type is passed over, so its entities are not defined.
/// What a message holds never makes a report unreadable, as long as the elements around it can be told.
///
/// # Errors
/// [`Fault`] when the text is not well-formed, or when it has a state that is not known.
pub(super) fn read(text: &str) -> Result<Vec<Case>, Fault> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    reader.config_mut().allow_dangling_amp = true;
    let mut lines = Lines::new(text);
    let mut document = Document::default();
    loop {
        let line = lines.at(reader.buffer_position());
        let event = reader.read_event();
        let event = event.map_err(|fault| Fault::syntax(lines.at(reader.error_position()), &fault))?;
        match event {
            Event::Start(tag) => {
                document.start(Attributes::of(&tag, line)?, tag.local_name().as_ref(), line)?;
            }
            Event::End(_) => document.end()?,
            Event::Empty(tag) => {
                document.start(Attributes::of(&tag, line)?, tag.local_name().as_ref(), line)?;
                document.end()?;
            }
            Event::Text(text) => document.text(&text.xml10_content()),
            Event::CData(text) => document.text(&text.xml10_content().replace('&', "&amp;")),
            Event::GeneralRef(reference) => document.text(&format!("&{};", &*reference)),
            Event::Eof => return document.finish(),
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
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

impl Fault {
    pub(super) fn syntax(line: usize, fault: &dyn std::error::Error) -> Self {
        Self::Syntax { line, message: shortened(&fault.to_string()) }
    }

    pub(super) fn encoding(label: &str) -> Self {
        Self::Encoding { label: shortened(label) }
    }
}

/// A name in one line that a terminal can show.
pub(super) fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.truncate(shown.floor_char_boundary(NAME_BYTES_MAX));
    if shown.is_empty() { "unnamed".to_owned() } else { shown }
}

/// A message without what no terminal and no database takes for text.
pub(super) fn readable(message: &str) -> String {
    let is_unfit = |one: char| one.is_control() && !matches!(one, '\n' | '\r' | '\t');
    message.replace(is_unfit, "\u{fffd}")
}

pub(super) fn shortened(text: &str) -> String {
    const BYTES_MAX: usize = 100;
    printable(&text[..text.floor_char_boundary(BYTES_MAX)])
}
