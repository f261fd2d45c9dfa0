//! Elements that say what came of a test or a suite.

use super::{
    meaning::number,
    unescape::unescape,
    words::{self, State, folded},
};

/// An element like `failure`, with its text as it is written in XML.
#[derive(Debug)]
pub(super) struct Outcome {
    /// `None` for an element that is not known.
    state: Option<State>,
    /// Whether the test is not finished, so that its failure is expected.
    pub(super) is_todo: bool,
    /// Whether the framework counts it twice.
    pub(super) is_twice: bool,
    message: String,
    pub(super) raw: String,
}

impl Outcome {
    /// With the attributes `message` and `type`.
    pub(super) fn new(state: Option<State>, message: String, kind: String) -> Self {
        let is_todo = state == Some(State::Skipped) && folded(&kind) == "todo";
        // Boost.Test counts a test that it ends early as an error and as a failure.
        let is_twice = kind == "fatal error" || message == "unexpected exception";
        let message = if message.is_empty() && state != Some(State::Skipped) { kind } else { message };
        Self { state, is_todo, is_twice, message, raw: String::new() }
    }

    /// Its message and its text, the latter only if it says more.
    pub(super) fn told(&self) -> String {
        let text = unescape(&self.raw);
        let (message, text) = (self.message.trim(), text.trim());
        match (message, text) {
            (_, "") => message.to_owned(),
            _ if text.starts_with(message) => text.to_owned(),
            _ => format!("{message}\n{text}"),
        }
    }

    /// What it says; an element for a test that passed may hold `false`.
    pub(super) fn state(&self) -> Option<State> {
        Some(match (self.state?, folded(&self.raw).as_str()) {
            (State::Passed, _) if number(&self.raw).is_some_and(|number| number <= 0) => State::Failed,
            (State::Passed, word) => words::value(word).unwrap_or(State::Passed),
            (state, _) => state,
        })
    }
}
