//! The elements of a report, one within another, and what they say of tests.

use quick_xml::events::BytesStart;

use super::{
    attributes::Attributes,
    read::{CASES_MAX, Case, DEPTH_MAX, Fault, RAW_BYTES_MAX, beginning, printable, readable, shortened},
    unescape::unescape,
    words::{self, Said, State, folded},
};
use crate::testing::report::{MESSAGE_BYTES_MAX, Verdict, cap};

/// Where the reader is, and what it has.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// With their names, the innermost last.
    open: Vec<(String, Element)>,
    has_root: bool,
    cases: Vec<Case>,
    /// How many of the cases have failed, as expected or not.
    failures: usize,
}

#[derive(Debug)]
enum Element {
    /// `testsuites`, `testsuite`, or an unknown element that may hold some.
    Suite(Suite),
    Case(Draft),
    /// What came of the test or the suite around it.
    Outcome(Outcome),
    /// Text that belongs to the outcome around it.
    Detail,
    /// Says nothing, and neither does what is in it.
    Other,
}

#[derive(Debug)]
struct Suite {
    name: String,
    /// Whether its attributes say so, or count failures.
    failed: bool,
    /// How many cases had failed when it began.
    failures_before: usize,
}

/// An element like `failure`, with its text as it is written in XML.
#[derive(Debug)]
struct Outcome {
    state: State,
    /// Whether the test is not finished, so that its failure is expected.
    is_todo: bool,
    message: String,
    raw: String,
}

/// A case that is being read.
#[derive(Debug)]
struct Draft {
    name: String,
    seconds: f64,
    verdict: Verdict,
    is_todo: bool,
    message: String,
}

impl Document {
    /// Takes a start tag at a line.
    ///
    /// # Errors
    /// [`Fault`] when it is out of place, or a state or an element is not known.
    pub(super) fn start(&mut self, tag: &BytesStart<'_>, line: usize) -> Result<(), Fault> {
        let name = folded(tag.local_name().as_ref());
        let Some(element) = self.element(tag, &name, line)? else {
            // A message that looks like an element.
            let text = format!("&lt;{}&gt;", &**tag);
            self.text(&text);
            return Ok(());
        };
        if self.open.len() == DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.has_root = true;
        self.open.push((name, element));
        Ok(())
    }

    /// The element that a start tag opens, if it opens one.
    fn element(&self, tag: &BytesStart<'_>, name: &str, line: usize) -> Result<Option<Element>, Fault> {
        let is_suite = matches!(name, "testsuites" | "testsuite");
        let written = || shortened(tag.local_name().as_ref());
        Ok(Some(match self.open.last().map(|(_, element)| element) {
            None if !is_suite => return Err(Fault::Root { root: written() }),
            None => self.suite(Attributes::of(tag, line)?),
            Some(Element::Suite(_) | Element::Case(_)) if is_suite => self.suite(Attributes::of(tag, line)?),
            Some(Element::Suite(_) | Element::Case(_)) if name == "testcase" => {
                Element::Case(Draft::new(Attributes::of(tag, line)?, self.suite_name(), line)?)
            }
            Some(Element::Suite(suite)) => match words::element(name) {
                // What failed outside of every test, in the preparation of a suite for instance.
                Some(Said::State(State::Failed)) => {
                    Element::Outcome(Outcome::new(State::Failed, Attributes::of(tag, line)?))
                }
                Some(_) => Element::Other,
                // It may hold tests.
                None => Element::Suite(Suite {
                    name: suite.name.clone(),
                    failed: false,
                    failures_before: self.failures,
                }),
            },
            Some(Element::Case(case)) => match words::element(name) {
                Some(Said::State(state)) => Element::Outcome(Outcome::new(state, Attributes::of(tag, line)?)),
                Some(_) => Element::Other,
                None => {
                    return Err(Fault::Element { element: written(), test: shortened(&case.name), line });
                }
            },
            Some(Element::Outcome(_)) if name == "stacktrace" => Element::Detail,
            Some(Element::Outcome(_)) if words::element(name).is_some() => Element::Other,
            // Another of the same name has an end tag of its own.
            Some(Element::Other) if self.open.last().is_some_and(|(open, _)| open == name) => Element::Other,
            Some(Element::Outcome(_) | Element::Detail | Element::Other) => return Ok(None),
        }))
    }

    /// Takes a tag that is a whole element.
    ///
    /// # Errors
    /// As for a start tag.
    pub(super) fn empty(&mut self, tag: &BytesStart<'_>, line: usize) -> Result<(), Fault> {
        let before = self.open.len();
        self.start(tag, line)?;
        if self.open.len() > before { self.close() } else { Ok(()) }
    }

    /// Takes an end tag at a line.
    ///
    /// # Errors
    /// [`Fault::Syntax`] when it does not belong to the element that is open, unless that one only holds text.
    pub(super) fn end(&mut self, written: &str, line: usize) -> Result<(), Fault> {
        let name = folded(written);
        let holds_text =
            |element: &Element| matches!(element, Element::Outcome(_) | Element::Detail | Element::Other);
        let texts = self.open.iter().rev().take_while(|(_, element)| holds_text(element));
        match texts.clone().position(|(open, _)| *open == name) {
            Some(above) => (0..=above).try_for_each(|_| self.close()),
            None if texts.count() > 0 => {
                if self.takes_text() {
                    self.text(&format!("&lt;/{written}&gt;"));
                }
                Ok(())
            }
            None if self.open.last().is_some_and(|(open, _)| *open == name) => self.close(),
            None => {
                let message = format!("unexpected end tag `</{}>`", shortened(written));
                Err(Fault::Syntax { line, message })
            }
        }
    }

    /// Closes the innermost element.
    fn close(&mut self) -> Result<(), Fault> {
        match self.open.pop().map(|(_, element)| element) {
            Some(Element::Case(draft)) => self.push(draft),
            Some(Element::Outcome(outcome)) => match self.open.last_mut() {
                Some((_, Element::Case(case))) => {
                    case.take(&outcome);
                    Ok(())
                }
                _ => {
                    let mut draft = Draft::of_suite(self.suite_name());
                    draft.take(&outcome);
                    self.push(draft)
                }
            },
            Some(Element::Suite(suite)) if suite.failed && self.failures == suite.failures_before => {
                let mut draft = Draft::of_suite(&suite.name);
                draft.see(State::Failed);
                "the suite failed, but none of its tests did".clone_into(&mut draft.message);
                self.push(draft)
            }
            _ => Ok(()),
        }
    }

    /// Takes text as it is written in XML.
    pub(super) fn text(&mut self, raw: &str) {
        if !self.takes_text() {
            return;
        }
        if let [.., (_, Element::Outcome(outcome))]
        | [.., (_, Element::Outcome(outcome)), (_, Element::Detail)] = self.open.as_mut_slice()
        {
            outcome.raw.push_str(beginning(raw, RAW_BYTES_MAX));
        }
    }

    /// Whether text belongs to a message that is not full yet.
    pub(super) fn takes_text(&self) -> bool {
        match self.open.as_slice() {
            [.., (_, Element::Outcome(outcome))]
            | [.., (_, Element::Outcome(outcome)), (_, Element::Detail)] => {
                outcome.raw.len() <= MESSAGE_BYTES_MAX
            }
            _ => false,
        }
    }

    pub(super) fn finish(self) -> Result<Vec<Case>, Fault> {
        if !self.open.is_empty() {
            return Err(Fault::CutOff);
        }
        if self.has_root { Ok(self.cases) } else { Err(Fault::Empty) }
    }

    fn suite(&self, attributes: Attributes) -> Element {
        let failed = attributes
            .said
            .iter()
            .any(|(name, value)| words::attribute(name, value) == Said::State(State::Failed));
        Element::Suite(Suite { name: attributes.name, failed, failures_before: self.failures })
    }

    fn suite_name(&self) -> &str {
        let mut names = self.open.iter().rev().filter_map(|(_, element)| match element {
            Element::Suite(suite) => Some(suite.name.as_str()),
            _ => None,
        });
        names.next().unwrap_or_default()
    }

    fn push(&mut self, draft: Draft) -> Result<(), Fault> {
        if self.cases.len() == CASES_MAX {
            return Err(Fault::TooManyCases);
        }
        self.failures += usize::from(draft.verdict == Verdict::Failed);
        self.cases.push(draft.into());
        Ok(())
    }
}

impl Outcome {
    fn new(state: State, attributes: Attributes) -> Self {
        let Attributes { message, kind, .. } = attributes;
        let is_todo = state == State::Skipped && folded(&kind) == "todo";
        let message = if message.is_empty() && state != State::Skipped { kind } else { message };
        Self { state, is_todo, message, raw: String::new() }
    }

    /// Its message and its text, the latter only if it says more.
    fn told(&self) -> String {
        let text = unescape(&self.raw);
        let (message, text) = (self.message.trim(), text.trim());
        match (message, text) {
            (_, "") => message.to_owned(),
            _ if text.starts_with(message) => text.to_owned(),
            _ => format!("{message}\n{text}"),
        }
    }
}

impl Draft {
    fn new(attributes: Attributes, suite: &str, line: usize) -> Result<Self, Fault> {
        let Attributes { name, classname, seconds, said, .. } = attributes;
        let class = classname.as_deref().unwrap_or(suite);
        let name = if class.is_empty() || class == name { name } else { format!("{class}::{name}") };
        let mut draft =
            Self { name, seconds, verdict: Verdict::Passed, is_todo: false, message: String::new() };
        for (attribute, word) in said {
            match words::attribute(&attribute, &word) {
                Said::Nothing => {}
                Said::State(state) => draft.see(state),
                Said::Unknown => {
                    let (test, word) = (shortened(&draft.name), shortened(&word));
                    return Err(Fault::Word { attribute: shortened(&attribute), word, test, line });
                }
            }
        }
        Ok(draft)
    }

    /// What failed outside of every test.
    fn of_suite(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, seconds: 0.0, verdict: Verdict::Passed, is_todo: false, message: String::new() }
    }

    /// One failure outweighs whatever else is said.
    fn see(&mut self, state: State) {
        self.verdict = match (state, self.verdict) {
            (State::Failed, _) | (_, Verdict::Failed) => Verdict::Failed,
            (State::Skipped, _) => Verdict::Skipped,
            (State::Flaky | State::Passed, verdict) => verdict,
        };
    }

    fn take(&mut self, outcome: &Outcome) {
        self.see(outcome.state);
        self.is_todo |= outcome.is_todo;
        if self.message.len() > MESSAGE_BYTES_MAX {
            return;
        }
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        if outcome.state == State::Flaky {
            self.message.push_str("it failed before it passed: ");
        }
        self.message.push_str(&outcome.told());
    }
}

impl From<Draft> for Case {
    fn from(draft: Draft) -> Self {
        let Draft { name, seconds, verdict, is_todo, message } = draft;
        // Node tells how a test fails that is still to be done.
        let verdict = if is_todo { Verdict::Skipped } else { verdict };
        let message = (!message.is_empty()).then(|| cap(&readable(beginning(&message, RAW_BYTES_MAX))));
        Self { name: printable(&name), verdict, message, seconds }
    }
}
