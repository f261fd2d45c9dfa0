use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use crate::testing::report::{MESSAGE_BYTES_MAX, Verdict, cap};

const DEPTH_MAX: usize = 64;
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

/// Why a text tells nothing about tests.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is empty")]
    Empty,
    #[error("it has a document type, which a report does not need")]
    DocumentType,
    #[error("it is no JUnit XML: its root is `{root}`")]
    Root { root: String },
    #[error("it ends in the middle")]
    CutOff,
    #[error("it is no XML at byte {at}: {message}")]
    Syntax { at: u64, message: String },
    #[error("it has more than {DEPTH_MAX} elements in one another")]
    TooDeep,
    #[error("it has more than {CASES_MAX} tests")]
    TooManyCases,
}

/// Reads the tests of a report in their order.
///
/// Unknown elements and attributes are passed over, what is not well-formed is a [`Fault`].
pub(super) fn read(text: &str) -> Result<Vec<Case>, Fault> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut document = Document::default();
    loop {
        let event = reader.read_event();
        let at = reader.error_position();
        let event = event.map_err(|fault| Fault::syntax(at, &fault))?;
        match event {
            Event::Start(tag) => document.start(&tag, reader.buffer_position())?,
            Event::End(_) => document.end()?,
            Event::Empty(tag) => {
                document.start(&tag, reader.buffer_position())?;
                document.end()?;
            }
            Event::Text(text) => document.text(&text.xml10_content()),
            Event::CData(text) => document.text(&text.xml10_content()),
            Event::GeneralRef(reference) => document.reference(&reference, reader.buffer_position())?,
            Event::DocType(_) => return Err(Fault::DocumentType),
            Event::Eof => return document.finish(),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// Where the reader is, and what it has.
#[derive(Debug, Default)]
struct Document {
    open: Vec<Element>,
    has_root: bool,
    case: Option<Draft>,
    cases: Vec<Case>,
}

#[derive(Debug)]
enum Element {
    /// `testsuites` or `testsuite`, with its name.
    Suite(String),
    Case,
    /// What came of a case.
    Outcome(Outcome),
    /// Text that belongs to the outcome around it.
    Detail,
    Other,
}

#[derive(Debug)]
struct Outcome {
    kind: Kind,
    message: String,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Skipped,
    /// It failed, and was repeated until it passed.
    Flaky,
}

/// A case that is being read.
#[derive(Debug)]
struct Draft {
    name: String,
    seconds: f64,
    verdict: Verdict,
    message: String,
}

impl Document {
    fn start(&mut self, tag: &BytesStart<'_>, at: u64) -> Result<(), Fault> {
        if self.open.len() == DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        let name = tag.local_name();
        let name: &str = name.as_ref();
        let is_suite = matches!(name, "testsuites" | "testsuite");
        let element = match self.open.last() {
            None if self.has_root => {
                return Err(Fault::Syntax { at, message: "it has two roots".to_owned() });
            }
            None if !is_suite => return Err(Fault::Root { root: shortened(name) }),
            None => suite(tag, at)?,
            Some(Element::Suite(_)) if is_suite => suite(tag, at)?,
            Some(Element::Suite(suite)) if name == "testcase" => {
                self.case = Some(Draft::new(&Attributes::of(tag, at)?, suite));
                Element::Case
            }
            // What failed outside of every test, in the preparation of a suite for instance.
            Some(Element::Suite(_)) if Kind::of(name) == Some(Kind::Failed) => {
                outcome(tag, Kind::Failed, at)?
            }
            Some(Element::Case) => match Kind::of(name) {
                Some(kind) => outcome(tag, kind, at)?,
                None => Element::Other,
            },
            Some(Element::Outcome(_)) if name == "stackTrace" => Element::Detail,
            Some(_) => Element::Other,
        };
        self.has_root = true;
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            Some(Element::Case) => {
                if let Some(draft) = self.case.take() {
                    self.push(draft)?;
                }
            }
            Some(Element::Outcome(outcome)) => match (&mut self.case, self.open.last()) {
                (Some(case), _) => case.take(outcome),
                (None, Some(Element::Suite(suite))) => {
                    let mut draft = Draft { name: suite.clone(), ..Draft::default() };
                    draft.take(outcome);
                    self.push(draft)?;
                }
                (None, _) => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, draft: Draft) -> Result<(), Fault> {
        if self.cases.len() == CASES_MAX {
            return Err(Fault::TooManyCases);
        }
        self.cases.push(draft.into());
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let outcome = match self.open.as_mut_slice() {
            [.., Element::Outcome(outcome)] | [.., Element::Outcome(outcome), Element::Detail] => outcome,
            _ => return,
        };
        if outcome.text.len() <= MESSAGE_BYTES_MAX {
            outcome.text.push_str(text);
        }
    }

    /// A character by its number, or one of the five that XML itself names. There are no others.
    fn reference(&mut self, reference: &BytesRef<'_>, at: u64) -> Result<(), Fault> {
        match reference.resolve_char_ref().map_err(|fault| Fault::syntax(at, &fault))? {
            Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
            None => match resolve_predefined_entity(reference) {
                Some(text) => self.text(text),
                None => {
                    let message = format!("the entity `{}` is unknown", shortened(reference));
                    return Err(Fault::Syntax { at, message });
                }
            },
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Case>, Fault> {
        if !self.open.is_empty() {
            return Err(Fault::CutOff);
        }
        if self.has_root { Ok(self.cases) } else { Err(Fault::Empty) }
    }
}

impl Kind {
    fn of(element: &str) -> Option<Self> {
        match element {
            "failure" | "error" | "rerunFailure" | "rerunError" => Some(Self::Failed),
            "flakyFailure" | "flakyError" => Some(Self::Flaky),
            "skipped" => Some(Self::Skipped),
            _ => None,
        }
    }
}

impl Draft {
    fn new(attributes: &Attributes, suite: &str) -> Self {
        let class = attributes.classname.as_deref().unwrap_or(suite);
        let name = attributes.name.as_str();
        let name =
            if class.is_empty() || class == name { name.to_owned() } else { format!("{class}::{name}") };
        // GoogleTest and CTest say here what others say with an element.
        let verdict = match attributes.status.as_str() {
            "notrun" | "disabled" | "skipped" => Verdict::Skipped,
            "fail" | "failed" | "error" => Verdict::Failed,
            _ => Verdict::Passed,
        };
        Self { name, seconds: attributes.seconds, verdict, message: String::new() }
    }

    /// One failure outweighs whatever else is said.
    fn take(&mut self, outcome: Outcome) {
        let Outcome { kind, message, text } = outcome;
        self.verdict = match (kind, self.verdict) {
            (Kind::Failed, _) | (_, Verdict::Failed) => Verdict::Failed,
            (Kind::Skipped, _) => Verdict::Skipped,
            (Kind::Flaky, verdict) => verdict,
        };
        let (message, text) = (message.trim(), text.trim());
        let told = match (message, text) {
            (_, "") => message.to_owned(),
            _ if text.starts_with(message) => text.to_owned(),
            _ => format!("{message}\n{text}"),
        };
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        if kind == Kind::Flaky {
            self.message.push_str("it failed before it passed: ");
        }
        self.message.push_str(&told);
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self { name: String::new(), seconds: 0.0, verdict: Verdict::Passed, message: String::new() }
    }
}

impl From<Draft> for Case {
    fn from(draft: Draft) -> Self {
        let Draft { name, seconds, verdict, message } = draft;
        Self {
            name: printable(&name),
            verdict,
            message: (!message.is_empty()).then(|| cap(&message)),
            seconds,
        }
    }
}

/// The attributes that matter, of any element.
#[derive(Debug, Default)]
struct Attributes {
    name: String,
    classname: Option<String>,
    status: String,
    message: String,
    kind: String,
    seconds: f64,
}

impl Attributes {
    fn of(tag: &BytesStart<'_>, at: u64) -> Result<Self, Fault> {
        let mut found = Self::default();
        // Looking for attributes that come twice takes the square of their number.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|fault| Fault::syntax(at, &fault))?;
            let key = attribute.key.local_name();
            let key: &str = key.as_ref();
            if !matches!(key, "name" | "classname" | "status" | "message" | "type" | "time") {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|fault| Fault::syntax(at, &fault))?
                .into_owned();
            match key {
                "name" => found.name = value,
                "classname" => found.classname = Some(value),
                "status" => found.status = value,
                "message" => found.message = value,
                "type" => found.kind = value,
                _ => found.seconds = seconds(&value),
            }
        }
        Ok(found)
    }
}

impl Fault {
    fn syntax(at: u64, fault: &dyn std::error::Error) -> Self {
        Self::Syntax { at, message: shortened(&fault.to_string()) }
    }
}

fn suite(tag: &BytesStart<'_>, at: u64) -> Result<Element, Fault> {
    Ok(Element::Suite(Attributes::of(tag, at)?.name))
}

fn outcome(tag: &BytesStart<'_>, kind: Kind, at: u64) -> Result<Element, Fault> {
    let attributes = Attributes::of(tag, at)?;
    let message = if attributes.message.is_empty() && kind != Kind::Skipped {
        attributes.kind
    } else {
        attributes.message
    };
    Ok(Element::Outcome(Outcome { kind, message, text: String::new() }))
}

/// Some write a comma between thousands.
fn seconds(text: &str) -> f64 {
    let seconds: f64 = text.replace(',', "").trim().parse().unwrap_or(0.0);
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

/// A name in one line that a terminal can show.
fn printable(name: &str) -> String {
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

fn shortened(text: &str) -> String {
    const BYTES_MAX: usize = 100;
    text[..text.floor_char_boundary(BYTES_MAX)].to_owned()
}
