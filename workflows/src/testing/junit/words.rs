//! The words with which the dialects of JUnit XML tell what came of a test. All are compared without case, blanks,
//! `-`, `_` and `.`.
//!
//! What is not in these tables is not guessed: an unknown word makes a report unreadable, by its name, because a state
//! that nobody understands must not count as passed.

use Meaning::{Count, Flag, Truth, Word};
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
    // Playwright.
    (Passed, &["expected"]),
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

/// What an attribute of a test holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// One of [`VALUES`].
    Word,
    /// A truth; the state is for false.
    Truth(State),
    /// A truth; the state is for true.
    Flag(State),
    /// A number or a message; the state is for anything but 0, false and nothing.
    Count(State),
}

const ATTRIBUTES: &[(Meaning, &[&str])] = &[
    // GoogleTest, CTest, Bazel, NUnit 2, Jenkins, xUnit.net, MATLAB, Allure and scripts.
    (Word, &["status", "result", "state", "outcome", "verdict", "conclusion", "teststatus", "testresult"]),
    // NUnit 2, Karma, QUnit, Boost.Test.
    (Truth(Failed), &["success", "succeeded", "successful", "passed", "pass", "ok"]),
    (Truth(Skipped), &["executed", "enabled"]),
    (Truth(Failed), &["completed", "complete", "finished"]),
    (Flag(Skipped), &["skipped", "skip", "ignored", "disabled", "pending", "todo", "notrun", "suppressed"]),
    (Flag(Failed), &["timedout", "crashed", "aborted", "broken", "interrupted"]),
    // Node writes the message into `failure`, others count.
    (Count(Failed), &["failed", "failure", "failures", "error", "errors"]),
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
    "measurement",
    "measurements",
    "metric",
    "metrics",
    "benchmark",
    "performance",
    "step",
    "steps",
    "retries",
    "assertions",
    "cultureinfo",
    "summary",
    "info",
    "reason",
    "id",
    "path",
    "line",
    "code",
    "command",
    "exitcode",
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

/// What an attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    State(State),
    /// A word that is in no table.
    Unknown,
}

/// What an attribute of a test or a suite says of it.
pub(super) fn attribute(name: &str, value: &str) -> Said {
    let (name, value) = (folded(name), folded(value));
    let Some(meaning) = find(ATTRIBUTES, &name) else { return Said::Nothing };
    if value.is_empty() {
        return Said::Nothing;
    }
    let truth = match value.as_str() {
        "true" | "yes" | "1" | "on" => Some(true),
        "false" | "no" | "0" | "off" => Some(false),
        _ => None,
    };
    match (meaning, truth) {
        (Word, _) => find(VALUES, &value).map_or(Said::Unknown, Said::State),
        (Truth(state), Some(false)) | (Flag(state) | Count(state), Some(true)) => Said::State(state),
        (Truth(_), Some(true)) | (Flag(_) | Count(_), Some(false)) => Said::Nothing,
        (Count(_), None) if value.bytes().all(|byte| byte == b'0') => Said::Nothing,
        // A number of failures, a message, or the reason for a skip.
        (Flag(state) | Count(state), None) => Said::State(state),
        // When it was executed or completed.
        (Truth(_), None) if value.starts_with(|one: char| one.is_ascii_digit()) => Said::Nothing,
        (Truth(_), None) => Said::Unknown,
    }
}

/// Whether an attribute says what came of a test.
pub(super) fn tells(name: &str) -> bool {
    find(ATTRIBUTES, &folded(name)).is_some()
}

/// What an element within a test says of it; `None` for one that is not known.
pub(super) fn element(name: &str) -> Option<Said> {
    let name = folded(name);
    match find(ELEMENTS, &name) {
        Some(state) => Some(Said::State(state)),
        None => HARMLESS.contains(&name.as_str()).then_some(Said::Nothing),
    }
}

/// A word without what the dialects write in different ways.
pub(super) fn folded(word: &str) -> String {
    word.chars()
        .filter(|one| !one.is_whitespace() && !matches!(one, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn find<T: Copy>(table: &[(T, &[&str])], word: &str) -> Option<T> {
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
            ATTRIBUTES.iter().flat_map(|(_, words)| *words).collect(),
            ELEMENTS.iter().flat_map(|(_, words)| *words).chain(HARMLESS).collect(),
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
    fn attributes_are_read_without_regard_to_spelling() {
        for (name, value, expected) in [
            ("status", "FAILED", Said::State(Failed)),
            ("Status", "Not_Run", Said::State(Skipped)),
            ("result", "Failure", Said::State(Failed)),
            ("result", " completed ", Said::State(Passed)),
            ("result", "suppressed", Said::State(Skipped)),
            ("status", "not ok", Said::State(Failed)),
            ("outcome", "xPassed", Said::State(Failed)),
            ("status", "shrug", Said::Unknown),
            ("status", "", Said::Nothing),
            ("success", "False", Said::State(Failed)),
            ("success", "True", Said::Nothing),
            ("success", "perhaps", Said::Unknown),
            ("executed", "False", Said::State(Skipped)),
            ("completed", "false", Said::State(Failed)),
            ("completed", "2026-01-05T08:00:00", Said::Nothing),
            ("skipped", "true", Said::State(Skipped)),
            ("skipped", "no display", Said::State(Skipped)),
            ("skipped", "0", Said::Nothing),
            ("failures", "2", Said::State(Failed)),
            ("failures", "00", Said::Nothing),
            ("failure", "1 is not 2", Said::State(Failed)),
            ("retries", "2", Said::Nothing),
            ("line", "FAILED", Said::Nothing),
        ] {
            assert_eq!(attribute(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn elements_are_known_or_not() {
        for (name, expected) in [
            ("failure", Some(Said::State(Failed))),
            ("ERROR", Some(Said::State(Failed))),
            ("flakyFailure", Some(Said::State(Flaky))),
            ("timed-out", Some(Said::State(Failed))),
            ("ignored", Some(Said::State(Skipped))),
            ("passed", Some(Said::State(Passed))),
            ("system-out", Some(Said::Nothing)),
            ("shrug", None),
        ] {
            assert_eq!(element(name), expected, "{name}");
        }
    }
}
