use std::borrow::Cow;

use quick_xml::{Reader, events::Event};

use super::document::Document;
use crate::testing::report::{MESSAGE_BYTES_MAX, Verdict, cap};

pub(super) const DEPTH_MAX: usize = 64;
pub(super) const CASES_MAX: usize = 20_000;
pub(super) const NAME_BYTES_MAX: usize = 300;
/// How much is read of what is told in one piece, as it is written in XML: more than a message may have, since a
/// reference is longer than its character.
pub(super) const RAW_BYTES_MAX: usize = 8 * MESSAGE_BYTES_MAX;

/// One `testcase`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::testing) struct Case {
    /// Class and name, which need not be unique.
    pub(in crate::testing) name: String,
    pub(in crate::testing) verdict: Verdict,
    pub(in crate::testing) message: Option<String>,
    pub(in crate::testing) seconds: f64,
    /// Whether it stands for a suite that failed, and is no test.
    pub(in crate::testing) of_suite: bool,
}

/// What a report says.
#[derive(Debug, PartialEq)]
pub(super) struct Reported {
    pub(super) cases: Vec<Case>,
    /// A failure that belongs to no test, in a report without tests.
    pub(super) untold: Option<String>,
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
        "unknown state `{word}` in the attribute `{attribute}` of the suite `{suite}` at line {line}; \
         expected a word like `passed`, `failed` or `skipped`"
    )]
    SuiteWord { attribute: String, word: String, suite: String, line: usize },
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
pub(super) fn read(text: &str) -> Result<Reported, Fault> {
    let text = escape_stray(text.trim_start_matches('\u{feff}'));
    let text = &*text;
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    // The document knows which tags may be text.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut lines = Lines::new(text);
    let mut document = Document::default();
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
            Event::Eof => return document.finish(),
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

impl Fault {
    pub(super) fn syntax(line: usize, fault: &dyn std::error::Error) -> Self {
        Self::Syntax { line, message: shortened(&fault.to_string()) }
    }

    pub(super) fn encoding(label: &str) -> Self {
        Self::Encoding { label: shortened(label) }
    }
}

impl Case {
    /// Why it failed.
    pub(super) fn reason(&self) -> &str {
        self.message.as_deref().unwrap_or("it failed")
    }
}

/// Fails all tests for what none of them tells, and says whether there are any.
pub(super) fn fail_all(cases: &mut [Case], reason: &str) -> bool {
    let mut is_any = false;
    for case in cases.iter_mut().filter(|case| !case.of_suite) {
        is_any = true;
        if case.verdict == Verdict::Passed {
            case.verdict = Verdict::Failed;
            let reason =
                format!("{reason}\nthe report does not say which test it is, so none of them has passed");
            case.message = Some(cap(&readable(&reason)));
        }
    }
    is_any
}

/// Skips all tests that passed in a suite that was skipped, and says how many they are.
pub(super) fn skip_all(cases: &mut [Case], reason: &str) -> usize {
    let passed = cases.iter_mut().filter(|case| case.verdict == Verdict::Passed);
    passed
        .map(|case| {
            case.verdict = Verdict::Skipped;
            case.message = Some(cap(&readable(&format!("its suite was skipped: {reason}"))));
        })
        .count()
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

/// The first bytes of a text, but no part of a character.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

pub(super) fn shortened(text: &str) -> String {
    const BYTES_MAX: usize = 100;
    printable(beginning(text, BYTES_MAX))
}
