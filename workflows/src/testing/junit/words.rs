//! The words with which the dialects of JUnit XML tell what came of a test. All are compared without case, blanks,
//! `-`, `_` and `.`.
//!
//! What is not in these tables is not guessed: a test or a suite with an unknown word has failed, because a state that
//! nobody understands must not count as passed. The report of the solution must have none: it shows whether the words
//! of the framework are known.

use State::{Failed, Flaky, Passed, Skipped};

/// What a word says of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Passed, unless something else says otherwise.
    Passed,
    Failed,
    Skipped,
    /// It failed, and was repeated until it passed.
    Flaky,
}

/// The values of `status`, `result` and the like.
const VALUES: &[(State, &[&str])] = &[
    // Most dialects; `ok` TAP and Rust; `success` NUnit 2 and Karma; `succeeded` Azure; `fixed` Jenkins.
    (
        Passed,
        &["passed", "pass", "passing", "ok", "success", "successful", "succeeded", "fixed", "green", "good"],
    ),
    // Truths as states.
    (Passed, &["true", "yes"]),
    // Playwright; graders of exercises.
    (Passed, &["expected", "correct"]),
    // The test ran: GoogleTest `run` and `completed`, Bazel, NUnit 2 `executed`. Elements say what came of it.
    (Passed, &["run", "ran", "completed", "complete", "executed", "finished", "done"]),
    // xUnit.net, RSpec, Playwright and Jest of a test that passed at another attempt.
    (Passed, &["flaky", "passedonretry", "warnpassed"]),
    // Most dialects; `failure` NUnit 2 and Azure; `notok` TAP; `regression` Jenkins; `ko` Gatling.
    (Failed, &["failed", "fail", "failing", "failure", "notok", "nok", "ko", "regression", "red", "bad"]),
    (Failed, &["false", "no", "unsuccessful", "notpassed", "unexpected", "unexpectedfailure"]),
    (Failed, &["error", "errored", "err", "errors", "fatal", "exception", "invalid", "notrunnable"]),
    // Allure, Catch2, Boost.Test, Robot, TestNG.
    (Failed, &["broken", "aborted", "abort", "crashed", "crash", "killed", "panic", "panicked", "segfault"]),
    // Sanitizers and graders; `unknown` Allure.
    (Failed, &["segfaulted", "leaked", "deadlock", "incorrect", "wrong", "unknown"]),
    // CTest, nextest, Playwright, Bazel, MSTest.
    (
        Failed,
        &["timeout", "timedout", "exceededtimeout", "hang", "hung", "interrupted", "cancelled", "canceled"],
    ),
    // A test that has not ended.
    (
        Failed,
        &["running", "started", "inprogress", "incomplete", "partial", "blocked", "scheduled", "queued"],
    ),
    // Behave and Cucumber: no code, or too much, for a step.
    (
        Failed,
        &["undefined", "ambiguous", "warning", "warned", "risky", "leak", "unstable", "xpass", "xpassed"],
    ),
    // Behave, GUT and DejaGnu.
    (Failed, &["hookerror", "cleanuperror", "noasserts", "unresolved", "kpass"]),
    // An expected failure that passed: unittest, Swift and Automake.
    (Failed, &["unexpectedsuccess", "unexpectedpass", "dubious"]),
    // Most dialects; `pending` Mocha, RSpec and Jest; `todo` Node and Jest; `excluded` ExUnit; `ignored` Rust, NUnit.
    (
        Skipped,
        &["skipped", "skip", "skipping", "ignored", "ignore", "pending", "todo", "excluded", "omitted"],
    ),
    // GoogleTest, Bazel, CTest, NUnit, MSTest.
    (Skipped, &["notrun", "notexecuted", "notstarted", "disabled", "suppressed", "filtered", "inconclusive"]),
    (Skipped, &["notapplicable", "na", "unsupported", "untested", "deselected", "none"]),
    // Behave.
    (Skipped, &["untestedpending", "untestedundefined", "pendingwarn"]),
    // Tests whose result is ignored: Qt.
    (Skipped, &["bpass", "bfail", "bxpass", "bxfail"]),
    // Failures that were expected: pytest, unittest, Automake, testthat, ExUnit.
    (Skipped, &["xfail", "xfailed", "expectedfailure", "expectedfail", "kfail", "knownfail", "knownfailure"]),
];

/// Values that say something else when an attribute has them for its name.
const NO_NAMES: &[&str] = &[
    // Truths, and words for nothing.
    "true",
    "yes",
    "false",
    "no",
    "na",
    "none",
    // What is compared.
    "expected",
    // Kinds of tests and of their history, and repetitions of one that passed.
    "regression",
    "fixed",
    "flaky",
    "passedonretry",
    "warnpassed",
    // What is printed beside a result.
    "warning",
    "warned",
];

const ELEMENTS: &[(State, &[&str])] = &[
    // The schema of Ant and Jenkins, Surefire, nextest.
    (Failed, &["failure", "error", "rerunfailure", "rerunerror"]),
    (Flaky, &["flakyfailure", "flakyerror", "flaky", "rerun", "retry"]),
    (Skipped, &["skipped"]),
    // Other spellings. PHPUnit has `warning`, and `risky` and `incomplete` in some versions.
    (Failed, &["failures", "errors", "fail", "failed", "fatal", "exception", "crash", "crashed", "broken"]),
    (Failed, &["timeout", "timedout", "aborted", "abort", "warning", "risky", "unexpectedsuccess", "panic"]),
    (Skipped, &["skip", "ignored", "ignore", "disabled", "pending", "todo", "notrun", "notexecuted"]),
    (
        Skipped,
        &["suppressed", "excluded", "xfail", "expectedfailure", "knownfailure", "inconclusive", "incomplete"],
    ),
    (Passed, &["passed", "pass", "success", "ok"]),
];

/// Elements that tell of a part of a test. Their attributes and elements speak of the test, as its own do.
const PARTS: &[&str] = &[
    "assertions",
    "benchmark",
    "command",
    "measurement",
    "measurements",
    "metric",
    "metrics",
    "performance",
    "retries",
    "step",
    "steps",
    "summary",
];

/// Elements that say nothing about what came of a test.
const HARMLESS: &[&str] = &[
    // The schema of Ant, Surefire and Jenkins.
    "systemout",
    "systemerr",
    "properties",
    "property",
    // Output under other names.
    "stdout",
    "stderr",
    "output",
    "out",
    "err",
    "log",
    "logs",
    "console",
    "stacktrace",
    "trace",
    "backtrace",
    // What describes a test: NUnit, xUnit.net, GoogleTest, Behave, Cucumber, MSTest, Allure, Bazel.
    "description",
    "name",
    "displayname",
    "title",
    "comment",
    "comments",
    "note",
    "notes",
    "message",
    "details",
    "category",
    "categories",
    "tag",
    "tags",
    "label",
    "labels",
    "trait",
    "traits",
    "groups",
    "owner",
    "parameter",
    "parameters",
    "param",
    "params",
    "arg",
    "args",
    "argument",
    "arguments",
    "metadata",
    "meta",
    "attachment",
    "attachments",
    "link",
    "links",
    "url",
    "file",
    "files",
    "screenshot",
    "screenshots",
    "location",
    "requirement",
    "requirements",
    "issue",
    "issues",
    "environment",
    "env",
    "hostname",
    "timestamp",
    "time",
    "duration",
    "cultureinfo",
    "info",
    "reason",
    "id",
    "path",
    "line",
    "code",
    "input",
    "expected",
    "actual",
    "diff",
    "data",
    "testdata",
    "image",
    "video",
    "report",
    "start",
    "end",
    "started",
    "ended",
    "browser",
    "device",
    "platform",
    "version",
    "author",
    "priority",
    "severity",
    "story",
    "feature",
    "bug",
    "bugs",
    "defect",
    "defects",
    "debug",
];

/// What an element within a test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It says what came of the test.
    State(State),
    /// One of [`PARTS`].
    Part,
    /// One of [`HARMLESS`].
    Aside,
}

/// What a word says as the value of `status`, `result` and the like.
pub(super) fn value(folded: &str) -> Option<State> {
    find(VALUES, folded)
}

/// What it says if an attribute with this name is true: a word for a state, or its plural.
pub(super) fn name(folded: &str) -> Option<State> {
    let singulars = [Some(folded), folded.strip_suffix('s'), folded.strip_suffix("es")];
    let words = singulars.into_iter().flatten().filter(|word| !NO_NAMES.contains(word));
    words.filter_map(value).next()
}

/// What an element within a test is; `None` for one that is not known.
pub(super) fn element(name: &str) -> Option<Kind> {
    let name = folded(name);
    let is_in = |words: &[&str]| words.contains(&name.as_str());
    match find(ELEMENTS, &name) {
        Some(state) => Some(Kind::State(state)),
        None if is_in(PARTS) => Some(Kind::Part),
        None => is_in(HARMLESS).then_some(Kind::Aside),
    }
}

/// Whether an element that says nothing about what came of a test holds what the test wrote.
pub(super) fn is_output(folded: &str) -> bool {
    matches!(folded, "systemout" | "systemerr" | "stdout" | "stderr" | "output")
}

/// A word without what the dialects write in different ways.
pub(super) fn folded(word: &str) -> String {
    word.chars()
        .filter(|one| !one.is_whitespace() && !matches!(one, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

pub(super) fn find<T: Copy>(table: &[(T, &[&str])], word: &str) -> Option<T> {
    table.iter().find(|(_, words)| words.contains(&word)).map(|(found, _)| *found)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_word_stands_in_one_place_and_as_it_is_compared() {
        let tables = [
            VALUES.iter().flat_map(|(_, words)| *words).collect::<Vec<_>>(),
            ELEMENTS.iter().flat_map(|(_, words)| *words).chain(PARTS).chain(HARMLESS).collect(),
        ];
        for words in tables {
            let mut seen = HashSet::new();
            for word in words {
                assert!(seen.insert(word), "`{word}` stands twice");
                assert_eq!(folded(word), **word);
            }
        }
    }

    #[test]
    fn elements_are_known_or_not() {
        for (name, expected) in [
            ("failure", Some(Kind::State(Failed))),
            ("ERROR", Some(Kind::State(Failed))),
            ("flakyFailure", Some(Kind::State(Flaky))),
            ("timed-out", Some(Kind::State(Failed))),
            ("ignored", Some(Kind::State(Skipped))),
            ("passed", Some(Kind::State(Passed))),
            ("system-out", Some(Kind::Aside)),
            ("Step", Some(Kind::Part)),
            ("shrug", None),
            ("exit-code", None),
        ] {
            assert_eq!(element(name), expected, "{name}");
        }
    }
}
