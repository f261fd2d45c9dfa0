//! The elements of a report, one within another, and what they say of tests.

use quick_xml::events::BytesStart;

use super::{
    attributes::Attributes,
    case::{Case, Reported, fail_all, skip_all},
    draft::{Draft, Nameless},
    fault::{CASES_MAX, DEPTH_MAX, Fault, Unknown},
    outcome::Outcome,
    suite::{Blame, Falls, Suite, Told},
    text::{RAW_BYTES_MAX, beginning, printable, shortened},
    words::{self, Kind, State, folded},
};
use crate::testing::report::MESSAGE_BYTES_MAX;

/// Where the reader is, and what it has.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// With their names, the innermost last.
    open: Vec<(String, Element)>,
    has_root: bool,
    cases: Vec<Case>,
    told: Told,
    /// A failure that belongs to no test, where no suite around it has one.
    untold: Option<String>,
    /// The first of what is not known.
    unknown: Option<Unknown>,
}

#[derive(Debug)]
enum Element {
    /// `testsuites`, `testsuite`, or an unknown element that may hold some.
    Suite(Suite),
    Case(Draft),
    /// What came of the test or the suite around it.
    Outcome(Outcome),
    /// A part of a test, with its text.
    Part(String),
    /// Text that belongs to the outcome around it.
    Detail,
    /// What a test wrote, with its text.
    Output(String),
    /// Says nothing, and neither does what is in it.
    Other,
}

impl Element {
    /// Whether no element within it says what came of a test.
    fn holds_text(&self) -> bool {
        matches!(self, Self::Outcome(_) | Self::Detail | Self::Output(_) | Self::Other)
    }
}

impl Document {
    /// Takes a start tag at a line.
    ///
    /// # Errors
    /// [`Fault`] when it is out of place.
    pub(super) fn start(&mut self, tag: &BytesStart<'_>, line: usize) -> Result<(), Fault> {
        self.open(tag, "&gt;", line)
    }

    fn open(&mut self, tag: &BytesStart<'_>, end: &str, line: usize) -> Result<(), Fault> {
        let name = folded(tag.local_name().as_ref());
        let Some(element) = self.element(tag, &name, line)? else {
            // A message that looks like an element.
            let text = format!("&lt;{}{end}", &**tag);
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
    fn element(&mut self, tag: &BytesStart<'_>, name: &str, line: usize) -> Result<Option<Element>, Fault> {
        let is_suite = matches!(name, "testsuites" | "testsuite");
        let attributes = || Attributes::of(tag, line);
        let written = || shortened(tag.local_name().as_ref());
        let told = self.told;
        let is_same = self.open.last().is_some_and(|(open, _)| open == name);
        Ok(Some(match self.open.last_mut().map(|(_, element)| element) {
            None if !is_suite => return Err(Fault::Root { root: written() }),
            None => self.suite_of(attributes()?, line),
            Some(Element::Suite(_) | Element::Case(_)) if is_suite => self.suite_of(attributes()?, line),
            Some(Element::Suite(_) | Element::Case(_)) if name == "testcase" => {
                Element::Case(Draft::new(attributes()?, self.suite_name(), line))
            }
            Some(Element::Suite(around)) => match words::element(name) {
                // What failed outside of every test, in the preparation of a suite for instance.
                Some(Kind::State(state @ (State::Failed | State::Skipped))) => {
                    Element::Outcome(outcome(Some(state), attributes()?))
                }
                Some(Kind::Part) => {
                    around.hear_known(&attributes()?.said);
                    Element::Other
                }
                Some(_) => Element::Other,
                // It may hold tests.
                None => {
                    let mut inner = Suite::unknown(around.name.clone(), told);
                    inner.hear_known(&attributes()?.said);
                    Element::Suite(inner)
                }
            },
            Some(Element::Case(_) | Element::Part(_)) => {
                let case = self.case().expect("a part is within a test");
                match words::element(name) {
                    Some(Kind::State(State::Passed)) => {
                        let attributes = attributes()?;
                        case.hear(&attributes.said, line);
                        Element::Outcome(outcome(Some(State::Passed), attributes))
                    }
                    Some(Kind::State(state)) => Element::Outcome(outcome(Some(state), attributes()?)),
                    Some(Kind::Part) => {
                        case.hear(&attributes()?.said, line);
                        Element::Part(String::new())
                    }
                    Some(Kind::Aside) if words::is_output(name) => Element::Output(String::new()),
                    Some(Kind::Aside) => Element::Other,
                    None => {
                        case.wonder_at(written(), line);
                        // Its text may say why.
                        Element::Outcome(outcome(None, attributes()?))
                    }
                }
            }
            Some(Element::Outcome(_)) if name == "stacktrace" => Element::Detail,
            Some(Element::Outcome(_)) if words::element(name).is_some() => Element::Other,
            // Another of the same name has an end tag of its own.
            Some(Element::Other | Element::Output(_)) if is_same => Element::Other,
            Some(Element::Outcome(_) | Element::Detail | Element::Output(_) | Element::Other) => {
                return Ok(None);
            }
        }))
    }

    /// Takes a tag that is a whole element.
    ///
    /// # Errors
    /// As for a start tag.
    pub(super) fn empty(&mut self, tag: &BytesStart<'_>, line: usize) -> Result<(), Fault> {
        let before = self.open.len();
        self.open(tag, "/&gt;", line)?;
        if self.open.len() > before { self.close() } else { Ok(()) }
    }

    /// Takes an end tag at a line.
    ///
    /// # Errors
    /// [`Fault::Syntax`] when it does not belong to the element that is open, unless that one only holds text.
    pub(super) fn end(&mut self, written: &str, line: usize) -> Result<(), Fault> {
        let name = folded(written);
        let texts = self.open.iter().rev().take_while(|(_, element)| element.holds_text());
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
            Some(Element::Part(text)) => {
                if let (Some(case), Some(state)) = (self.case(), words::value(&folded(&text))) {
                    let mut outcome = outcome(Some(state), Attributes::default());
                    outcome.raw = text;
                    case.take(&outcome);
                }
                Ok(())
            }
            Some(Element::Outcome(outcome)) => match (self.case(), outcome.state()) {
                (Some(case), _) => {
                    case.take(&outcome);
                    Ok(())
                }
                (None, Some(State::Skipped)) => {
                    if let Some(suite) = self.suite() {
                        suite.skip(outcome.told());
                    }
                    Ok(())
                }
                (None, _) => {
                    let mut draft = Draft::of_suite(self.suite_name());
                    draft.take(&outcome);
                    self.push(draft)
                }
            },
            Some(Element::Suite(suite)) => self.close_suite(suite),
            Some(Element::Output(text)) => {
                if let Some(case) = self.case() {
                    case.hear_output(&text);
                }
                Ok(())
            }
            Some(Element::Detail | Element::Other) | None => Ok(()),
        }
    }

    /// Lets what a suite says fall on its tests, where they do not say it.
    fn close_suite(&mut self, mut suite: Suite) -> Result<(), Fault> {
        let (name, first) = (suite.name.clone(), suite.first_case());
        if suite.is_aside(self.told)
            && let Some(around) = self.suite()
        {
            around.absorb(&mut suite);
        }
        let (start, before) = (suite.start(), self.told.skipped);
        match suite.close(&mut self.told) {
            Falls::Nothing => {}
            Falls::Skipped(said) => {
                let skipped = skip_all(&mut self.cases[first..], &said);
                self.told.skipped = self.told.skipped.max(before + skipped);
                self.told.forget_passes(start);
            }
            Falls::Failed(blame) => {
                self.fall(first, &name, blame);
                self.told.forget_passes(start);
            }
            Falls::Untold { reason, failures } => {
                let mut draft = Draft::of_suite(&name);
                draft.see(State::Failed);
                draft.failures = failures;
                draft.message.clone_from(&reason);
                draft.nameless = None;
                let told = self.told.failures;
                self.push(draft)?;
                // What it counts too few or too many is not a failure that those around it count.
                self.told.failures = told + failures;
                self.fall(first, &name, Blame { reason, spreads: true });
                self.told.forget_passes(start);
            }
        }
        Ok(())
    }

    /// Fails the passed tests of a suite, or those around it if it has none.
    fn fall(&mut self, first: usize, name: &str, Blame { reason, spreads }: Blame) {
        let reason = match name {
            "" => reason,
            name => format!("suite `{}`: {reason}", printable(name)),
        };
        if fail_all(&mut self.cases[first..], &reason) || !spreads {
            return;
        }
        match self.suite() {
            Some(around) => around.blame(Blame { reason, spreads }),
            None => drop(self.untold.get_or_insert(reason)),
        }
    }

    /// Takes text as it is written in XML.
    pub(super) fn text(&mut self, raw: &str) {
        if !self.takes_text() {
            return;
        }
        match self.open.as_mut_slice() {
            [.., (_, Element::Outcome(outcome))]
            | [.., (_, Element::Outcome(outcome)), (_, Element::Detail)] => {
                outcome.raw.push_str(beginning(raw, RAW_BYTES_MAX));
            }
            [.., (_, Element::Part(text) | Element::Output(text))] => {
                text.push_str(beginning(raw, RAW_BYTES_MAX));
            }
            _ => {}
        }
    }

    /// Whether text belongs to a message that is not full yet.
    pub(super) fn takes_text(&self) -> bool {
        match self.open.as_slice() {
            [.., (_, Element::Outcome(outcome))]
            | [.., (_, Element::Outcome(outcome)), (_, Element::Detail)] => {
                outcome.raw.len() <= MESSAGE_BYTES_MAX
            }
            [.., (_, Element::Part(text) | Element::Output(text))] => text.len() <= MESSAGE_BYTES_MAX,
            _ => false,
        }
    }

    /// Whether what comes next is text, unless it is markup that has an end.
    pub(super) fn is_within_text(&self) -> bool {
        self.open.last().is_some_and(|(_, element)| element.holds_text())
    }

    pub(super) fn has_root(&self) -> bool {
        self.has_root
    }

    /// What is told by a text with so many lines.
    ///
    /// # Errors
    /// [`Fault`] when the text ends too early, or has no element.
    pub(super) fn finish(mut self, text: &str, lines: usize) -> Result<Reported, Fault> {
        let mut open = self.open.iter().rev();
        if let Some((element, _)) =
            open.find(|(_, element)| matches!(element, Element::Case(_) | Element::Suite(_)))
        {
            return Err(Fault::CutOff { line: lines, element: shortened(element) });
        }
        if !self.has_root {
            return Err(Fault::no_element(text));
        }
        let untold = self.untold.take().filter(|reason| !fail_all(&mut self.cases, reason));
        Ok(Reported { cases: self.cases, untold, unknown: self.unknown })
    }

    /// A suite with these attributes. One that says something unknown has failed.
    fn suite_of(&mut self, attributes: Attributes, line: usize) -> Element {
        let mut suite = Suite::new(attributes.name, self.told);
        for (attribute, word) in attributes.said {
            if !suite.hear(&attribute, &word) {
                let (attribute, word) = (shortened(&attribute), shortened(&word));
                let unknown = Unknown::OfSuite { attribute, word, suite: shortened(&suite.name), line };
                suite.blame(Blame { reason: unknown.to_string(), spreads: true });
                self.unknown.get_or_insert(unknown);
            }
        }
        Element::Suite(suite)
    }

    /// The innermost test, unless a suite is further in.
    fn case(&mut self) -> Option<&mut Draft> {
        let open = self.open.iter_mut().rev().map(|(_, element)| element);
        match open.into_iter().find(|element| matches!(element, Element::Case(_) | Element::Suite(_))) {
            Some(Element::Case(case)) => Some(case),
            _ => None,
        }
    }

    /// Fails the test of which another one is a part.
    fn fail_around(&mut self, part: &str) {
        let open = self.open.iter_mut().rev().find_map(|(_, element)| match element {
            Element::Case(case) => Some(case),
            _ => None,
        });
        if let Some(case) = open {
            case.see(State::Failed);
            case.part.get_or_insert_with(|| format!("its part `{}` failed", shortened(part)));
        }
    }

    fn suite(&mut self) -> Option<&mut Suite> {
        self.open.iter_mut().rev().find_map(|(_, element)| match element {
            Element::Suite(suite) => Some(suite),
            _ => None,
        })
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
        draft.tell(&mut self.told);
        self.unknown = self.unknown.take().or_else(|| draft.unknown().cloned());
        let is_unexpected = draft.is_unexpected();
        if is_unexpected {
            self.fail_around(&draft.name);
        }
        let nameless = draft.nameless.filter(|_| is_unexpected);
        let mut case = Case::from(draft);
        case.of_suite |= nameless.is_some();
        if let (Some(nameless), Some(suite)) = (nameless, self.suite()) {
            let reason = format!("a failure that belongs to no test: {}", case.reason());
            suite.blame(Blame { reason, spreads: nameless == Nameless::Bare });
        }
        self.cases.push(case);
        Ok(())
    }
}

fn outcome(state: Option<State>, attributes: Attributes) -> Outcome {
    Outcome::new(state, attributes.message, attributes.kind)
}
