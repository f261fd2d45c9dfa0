//! A test that is being read.

use super::{
    attributes::Attributes,
    case::Case,
    fault::Unknown,
    meaning::{Said, of_test},
    outcome::Outcome,
    suite::Told,
    text::{RAW_BYTES_MAX, beginning, printable, readable, shortened},
    unescape::unescape,
    words::State,
};
use crate::testing::report::{MESSAGE_BYTES_MAX, Verdict, cap};

/// A case that is being read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    seconds: f64,
    pub(super) verdict: Verdict,
    pub(super) is_todo: bool,
    /// Which of its attributes says that it failed.
    says: Option<String>,
    pub(super) message: String,
    /// How many of its elements tell a failure.
    pub(super) failures: usize,
    /// Whether it says anywhere that it was skipped.
    is_skipped: bool,
    /// How many of its elements say so.
    skips: usize,
    /// How many of its elements tell a failure before it passed.
    flakes: usize,
    /// A test within it that failed.
    pub(super) part: Option<String>,
    /// What it wrote.
    output: String,
    /// What it says that is not known.
    unknown: Option<Unknown>,
    /// Whether it is no test, but stands for a suite that failed.
    of_suite: bool,
    /// If it has no name: whether it has a class.
    pub(super) nameless: Option<Nameless>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nameless {
    WithClass,
    Bare,
}

impl Draft {
    pub(super) fn new(attributes: Attributes, suite: &str, line: usize) -> Self {
        let Attributes { name, classname, seconds, said, .. } = attributes;
        let class = classname.as_deref().unwrap_or(suite);
        let has_class = classname.as_deref().is_some_and(|class| !class.trim().is_empty());
        let nameless = name.trim().is_empty();
        let nameless = nameless.then_some(if has_class { Nameless::WithClass } else { Nameless::Bare });
        let name = if class.is_empty() || class == name { name } else { format!("{class}::{name}") };
        let mut draft = Self { seconds, nameless, ..Self::named(name) };
        draft.hear(&said, line);
        draft
    }

    /// What failed outside of every test.
    pub(super) fn of_suite(name: &str) -> Self {
        Self { nameless: Some(Nameless::Bare), of_suite: true, ..Self::named(name.to_owned()) }
    }

    fn named(name: String) -> Self {
        Self {
            name,
            seconds: 0.0,
            verdict: Verdict::Passed,
            is_todo: false,
            says: None,
            message: String::new(),
            failures: 0,
            is_skipped: false,
            skips: 0,
            flakes: 0,
            part: None,
            output: String::new(),
            unknown: None,
            of_suite: false,
            nameless: None,
        }
    }

    /// Takes what attributes say.
    pub(super) fn hear(&mut self, said: &[(String, String)], line: usize) {
        for (attribute, word) in said {
            match of_test(attribute, word) {
                Said::Nothing => {}
                Said::State(state) => {
                    self.see(state);
                    if state == State::Failed {
                        let says = || format!("`{}` is `{}`", shortened(attribute), shortened(word));
                        self.says.get_or_insert_with(says);
                    }
                }
                Said::Unknown => {
                    let (test, word) = (shortened(&self.name), shortened(word));
                    self.wonder(Unknown::OfTest { attribute: shortened(attribute), word, test, line });
                }
            }
        }
    }

    /// Takes an element that is not known.
    pub(super) fn wonder_at(&mut self, element: String, line: usize) {
        self.wonder(Unknown::Element { element, test: shortened(&self.name), line });
    }

    fn wonder(&mut self, unknown: Unknown) {
        self.unknown.get_or_insert(unknown);
    }

    pub(super) fn unknown(&self) -> Option<&Unknown> {
        self.unknown.as_ref()
    }

    /// One failure outweighs whatever else is said.
    pub(super) fn see(&mut self, state: State) {
        self.is_skipped |= state == State::Skipped;
        self.verdict = match (state, self.verdict) {
            (State::Failed, _) | (_, Verdict::Failed) => Verdict::Failed,
            (State::Skipped, _) => Verdict::Skipped,
            (State::Flaky | State::Passed, verdict) => verdict,
        };
    }

    pub(super) fn take(&mut self, outcome: &Outcome) {
        let state = outcome.state();
        if let Some(state) = state {
            self.see(state);
        }
        if matches!(state, Some(State::Failed | State::Flaky)) {
            self.failures += if outcome.is_twice { 2 } else { 1 };
        }
        self.skips += usize::from(state == Some(State::Skipped));
        self.flakes += usize::from(state == Some(State::Flaky));
        self.is_todo |= outcome.is_todo;
        if self.message.len() > MESSAGE_BYTES_MAX {
            return;
        }
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        if state == Some(State::Flaky) {
            self.message.push_str("it failed before it passed: ");
        }
        self.message.push_str(&outcome.told());
    }

    /// Takes what it wrote, as it is written in XML.
    pub(super) fn hear_output(&mut self, raw: &str) {
        if self.output.len() <= MESSAGE_BYTES_MAX {
            self.output.push_str(unescape(raw).trim());
            self.output.push('\n');
        }
    }

    /// Whether it failed where no failure is expected.
    pub(super) fn is_unexpected(&self) -> bool {
        (self.verdict == Verdict::Failed && !self.is_todo) || self.unknown.is_some()
    }

    /// Counts what it tells.
    pub(super) fn tell(&self, told: &mut Told) {
        told.cases += 1;
        told.listed += usize::from(!self.of_suite);
        // What is not known may be a failure or a skip that its suite counts.
        let is_open = self.unknown.is_some() && self.verdict != Verdict::Failed;
        // A part that failed was told already.
        let is_failure = self.verdict == Verdict::Failed && (self.part.is_none() || self.says.is_some());
        let has_passed = self.verdict == Verdict::Passed && !is_open;
        told.failures += self.failures.max(usize::from(is_failure || is_open));
        told.skipped += self.skips.max(usize::from(self.is_skipped || is_open));
        told.passed += usize::from(has_passed);
        told.flaky += usize::from(has_passed && self.flakes > 0);
    }
}

impl From<Draft> for Case {
    fn from(draft: Draft) -> Self {
        let Draft {
            name, seconds, verdict, is_todo, says, mut message, part, output, unknown, of_suite, ..
        } = draft;
        // Node tells how a test fails that is still to be done.
        let mut verdict = if is_todo { Verdict::Skipped } else { verdict };
        if message.is_empty() && verdict == Verdict::Failed {
            message = says.or(part).unwrap_or_default();
        }
        if let Some(unknown) = unknown {
            verdict = Verdict::Failed;
            message = format!("{unknown}\n{message}").trim_end().to_owned();
        }
        // A message of one line, as CTest's `Failed`, says too little.
        if verdict == Verdict::Failed && !message.contains('\n') {
            message = format!("{message}\n{output}").trim().to_owned();
        }
        let message = (!message.is_empty()).then(|| cap(&readable(beginning(&message, RAW_BYTES_MAX))));
        Self { name: printable(&name), verdict, message, seconds, of_suite }
    }
}
