//! The elements of a report, one within another, and what they say of tests.

use super::{
    attributes::Attributes,
    read::{CASES_MAX, Case, DEPTH_MAX, Fault, printable, readable, shortened},
    unescape::unescape,
    words::{self, Said, State, folded},
};
use crate::testing::report::{MESSAGE_BYTES_MAX, Verdict, cap};

/// Where the reader is, and what it has.
#[derive(Debug, Default)]
pub(super) struct Document {
    open: Vec<Element>,
    has_root: bool,
    cases: Vec<Case>,
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
    /// What its attributes say.
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
    /// Takes an element that begins at a line.
    pub(super) fn start(&mut self, attributes: Attributes, name: &str, line: usize) -> Result<(), Fault> {
        if self.open.len() == DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        let tag = folded(name);
        let is_suite = matches!(tag.as_str(), "testsuites" | "testsuite");
        let element = match self.open.last() {
            None if !is_suite => return Err(Fault::Root { root: shortened(name) }),
            None => self.suite(attributes),
            Some(Element::Suite(_) | Element::Case(_)) if is_suite => self.suite(attributes),
            Some(Element::Suite(_) | Element::Case(_)) if tag == "testcase" => {
                Element::Case(Draft::new(attributes, self.suite_name(), line)?)
            }
            Some(Element::Suite(suite)) => match words::element(name) {
                // What failed outside of every test, in the preparation of a suite for instance.
                Some(Said::State(State::Failed)) => Element::Outcome(Outcome::new(State::Failed, attributes)),
                Some(_) => Element::Other,
                // It may hold tests.
                None => Element::Suite(Suite {
                    name: suite.name.clone(),
                    failed: false,
                    failures_before: self.failures,
                }),
            },
            Some(Element::Case(case)) => match words::element(name) {
                Some(Said::State(state)) => Element::Outcome(Outcome::new(state, attributes)),
                Some(_) => Element::Other,
                None => {
                    let (test, element) = (shortened(&case.name), shortened(name));
                    return Err(Fault::Element { element, test, line });
                }
            },
            Some(Element::Outcome(_)) if tag == "stacktrace" => Element::Detail,
            Some(_) => Element::Other,
        };
        self.has_root = true;
        self.open.push(element);
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            Some(Element::Case(draft)) => self.push(draft),
            Some(Element::Outcome(outcome)) => match self.open.last_mut() {
                Some(Element::Case(case)) => {
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
                self.push(draft)
            }
            _ => Ok(()),
        }
    }

    /// Takes text as it is written in XML.
    pub(super) fn text(&mut self, raw: &str) {
        let outcome = match self.open.as_mut_slice() {
            [.., Element::Outcome(outcome)] | [.., Element::Outcome(outcome), Element::Detail] => outcome,
            _ => return,
        };
        if outcome.raw.len() <= MESSAGE_BYTES_MAX {
            outcome.raw.push_str(raw);
        }
    }

    pub(super) fn finish(self) -> Result<Vec<Case>, Fault> {
        if !self.open.is_empty() {
            return Err(Fault::CutOff);
        }
        if self.has_root { Ok(self.cases) } else { Err(Fault::Empty) }
    }

    fn suite(&self, attributes: Attributes) -> Element {
        // The attributes of a suite count its tests; only those that state a result are of interest.
        let failed = attributes.said.iter().any(|(name, value)| {
            !value.bytes().all(|byte| byte.is_ascii_digit())
                && words::attribute(name, value) == Said::State(State::Failed)
        });
        Element::Suite(Suite { name: attributes.name, failed, failures_before: self.failures })
    }

    fn suite_name(&self) -> &str {
        let mut names = self.open.iter().rev().filter_map(|element| match element {
            Element::Suite(suite) => Some(suite.name.as_str()),
            _ => None,
        });
        names.next().unwrap_or_default()
    }

    fn push(&mut self, draft: Draft) -> Result<(), Fault> {
        if self.cases.len() == CASES_MAX {
            return Err(Fault::TooManyCases);
        }
        let case = Case::from(draft);
        self.failures += usize::from(case.verdict == Verdict::Failed);
        self.cases.push(case);
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
        let message = (!message.is_empty()).then(|| cap(&readable(&message)));
        Self { name: printable(&name), verdict, message, seconds }
    }
}
