//! What the attributes of tests and suites say, under whatever name.
//!
//! The names of the tables are known with words before and behind them, too: `isFailed`, `error-count`, `numFailures`,
//! `notPassed`. So is each word for a state in `words`, in the singular and in the plural. Another name in which one of these words stands, and any other whose value is plainly a failure, is not
//! guessed: its word is not known.

use Meaning::{Code, Count, Flag, Mark, Moment, Total, Truth, Word};

use super::words::{
    self,
    State::{self, Failed, Passed, Skipped},
    find, folded,
};

/// What an attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    State(State),
    /// A word that is in no table.
    Unknown,
}

/// What an attribute says of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfSuite {
    Nothing,
    Failed,
    Skipped,
    /// So many tests failed.
    Failures(usize),
    /// So many tests ended with an error, which the number of failures does not include.
    Errors(usize),
    /// So many tests ended in another way that is a failure, which the number of failures may include.
    Others(usize),
    /// No more tests than these passed.
    Passes(usize),
    /// So many tests were skipped.
    Skips(usize),
    /// So many tests there are.
    Tests(usize),
    Unknown,
}

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// A word for a state.
    Word,
    /// A truth, or how many tests it is true of; the state is for false.
    Truth(State),
    /// A truth, or a time; the state is for false.
    Moment(State),
    /// A truth, or the reason; the state is for true.
    Flag(State),
    /// A number or a message; the state is for anything but 0, false and nothing.
    Count(State),
    /// The exit status of a program, or a word for a state.
    Code,
    /// A truth, or how many tests it is true of; the state is for true, and a test that has not passed has failed.
    Mark(State),
    /// How many tests there are.
    Total,
}

const ATTRIBUTES: &[(Meaning, &[&str])] = &[
    // GoogleTest, CTest, Bazel, NUnit, Jenkins, xUnit.net, MATLAB, Allure and scripts.
    (Word, &["status", "result", "state", "outcome", "verdict", "conclusion"]),
    // NUnit 2, Karma, QUnit, Boost.Test.
    (
        Truth(Failed),
        &["success", "successes", "succeeded", "successful", "passed", "pass", "passes", "ok", "valid"],
    ),
    (Moment(Skipped), &["executed", "enabled"]),
    (Moment(Failed), &["completed", "complete", "finished"]),
    (Flag(Skipped), &["skipped", "skip", "ignored", "disabled", "pending", "todo", "notrun", "suppressed"]),
    (
        Flag(Failed),
        &["timedout", "crashed", "aborted", "broken", "interrupted", "killed", "hung", "panicked"],
    ),
    (Flag(Failed), &["unexpected", "incomplete"]),
    // Node writes the message into `failure`, others count.
    (Count(Failed), &["failed", "failure", "failures", "fail", "fails", "failing"]),
    (Count(Failed), &["error", "errors", "errored", "exception", "exceptions", "fatal", "crash", "crashes"]),
    (Code, &["exitcode", "exitstatus", "exitsignal", "returncode", "returnvalue", "retcode", "rc"]),
    (Code, &["resultcode", "statuscode", "signal", "termsignal", "termsig", "signalnumber"]),
    // As a value, `started` is a test that has not ended.
    (Mark(Passed), &["started"]),
    (Total, &["tests", "testcases", "cases", "total", "testcount", "testscount", "totalcount"]),
];

/// Names with which 1 means true, and no number of tests.
const TRUE_OF_ALL: &[&str] = &[
    "success",
    "successful",
    "ok",
    "valid",
    "enabled",
    "complete",
    "completed",
    "finished",
    "done",
    "good",
    "green",
    "correct",
];
const BEFORE_TRUTHS: &[&str] = &["is", "has", "have", "had", "was", "were", "did", "not", "non", "un", "no"];

/// What may stand before or behind a name without changing what it means.
const BEFORE: &[&str] = &[
    "is",
    "has",
    "have",
    "had",
    "was",
    "were",
    "did",
    "test",
    "case",
    "suite",
    "final",
    "overall",
    "execution",
];
const BEFORE_NUMBERS: &[&str] = &["total", "number", "num", "of", "count"];
const BEHIND: &[&str] =
    &["count", "counts", "number", "total", "flag", "tests", "cases", "message", "text", "type", "reason"];
const NEGATIONS: &[&str] = &["not", "non", "un", "no"];

/// Parts of names that speak of what came of a test. Of such an attribute only what it plainly says is taken.
const OF_FAILURE: &[&str] = &["fail", "error", "crash", "abort", "broken", "exception", "panic"];
const OF_SUCCESS: &[&str] = &["success", "succeed", "passed"];
const OF_STATES: &[&str] = &["status", "result", "outcome", "verdict", "conclusion"];
/// What a test should do, may do or has done before.
const OF_OTHERS: &[&str] = &["expect", "should", "must", "allow", "max", "min", "previous", "ignore"];
/// Things that belong to a result, and rates of many.
const THINGS: &[&str] = &[
    "file", "path", "url", "uri", "link", "dir", "id", "time", "date", "rate", "ratio", "percent", "fast",
    "level",
];
/// Names whose values are chosen by whoever writes the tests.
const FREE: &[&str] =
    &["name", "class", "param", "value", "label", "tag", "group", "category", "type", "description"];
const FREE_NAMES: &[&str] =
    &["file", "line", "message", "id", "package", "feature", "title", "text", "url", "path", "time", "suite"];
/// Words that mean a failure wherever they stand.
const PLAIN_FAILURES: &[&str] =
    &["failed", "fail", "failing", "failure", "error", "errored", "notok", "broken", "crashed", "timedout"];

/// Whether the attribute may say something of a test or a suite, by its name alone.
pub(super) fn tells(name: &str) -> bool {
    known(&folded(name)).is_some()
}

/// What an attribute of a test says of it.
pub(super) fn of_test(name: &str, written: &str) -> Said {
    let (name, value) = (folded(name), folded(written));
    if value.is_empty() {
        return Said::Nothing;
    }
    let Some(meaning) = known(&name) else { return of_unknown(&name, written) };
    let number = number(written);
    match (meaning, truth(written)) {
        (Word, _) => words::value(&value).map_or(Said::Unknown, Said::State),
        // A limit in seconds.
        (Mark(_), _) if name == "timeout" && number.is_some() => Said::Nothing,
        (Mark(Passed), Some(false)) => Said::State(Failed),
        (Mark(Passed), None) if number.is_some_and(i64::is_negative) => Said::Unknown,
        (Mark(state @ (Failed | Skipped)), Some(true)) => Said::State(state),
        (Mark(_), Some(_)) => Said::Nothing,
        (Mark(_) | Total, _) => of_unknown(&name, written),
        (Truth(state) | Moment(state), Some(false)) | (Flag(state) | Count(state), Some(true)) => {
            Said::State(state)
        }
        (Truth(_) | Moment(_), Some(true)) | (Flag(_) | Count(_), Some(false)) => Said::Nothing,
        (Count(_), None) if is_nothing(&value) => Said::Nothing,
        // A number of failures, a message, or the reason for a skip.
        (Flag(state) | Count(state), None) => Said::State(state),
        // When it was executed or completed.
        (Moment(_), None) if written.trim().starts_with(|one: char| one.is_ascii_digit()) => Said::Nothing,
        (Truth(_), None) if number.is_some_and(i64::is_positive) => Said::Nothing,
        (Truth(_) | Moment(_), None) => match words::value(&value) {
            Some(state @ (Failed | Skipped)) => Said::State(state),
            _ => Said::Unknown,
        },
        (Code, _) => match (number, words::value(&value)) {
            (Some(0), _) => Said::Nothing,
            (None, Some(state)) => Said::State(state),
            _ => Said::State(Failed),
        },
    }
}

/// What an attribute of a suite says of it. Numbers are of its tests.
pub(super) fn of_suite(name: &str, value: &str) -> OfSuite {
    let folded_name = folded(name);
    let Some(meaning) = known(&folded_name) else {
        // What is not known by name is mostly of the machine or the whole run.
        return match of_test(name, value) {
            Said::State(state) => of_whole(state),
            Said::Nothing | Said::Unknown => OfSuite::Nothing,
        };
    };
    if let Some(number) = number(value)
        && let Some(said) = of_number(meaning, &folded_name, number)
    {
        return said;
    }
    match of_test(name, value) {
        Said::State(state) => of_whole(state),
        Said::Nothing => OfSuite::Nothing,
        Said::Unknown => OfSuite::Unknown,
    }
}

fn of_whole(state: State) -> OfSuite {
    match state {
        Failed => OfSuite::Failed,
        Skipped => OfSuite::Skipped,
        Passed | State::Flaky => OfSuite::Nothing,
    }
}

/// What a number says of a suite; `None` if it is no number of tests.
fn of_number(meaning: Meaning, name: &str, number: i64) -> Option<OfSuite> {
    let bare = bare(name);
    let is_true = number == 1
        && (TRUE_OF_ALL.contains(&bare) || BEFORE_TRUTHS.iter().any(|part| name.starts_with(part)));
    let Ok(count) = usize::try_from(number) else {
        return matches!(meaning, Flag(_)).then_some(OfSuite::Unknown);
    };
    Some(match meaning {
        Count(_) if bare.starts_with("fail") => OfSuite::Failures(count),
        Count(_) => OfSuite::Errors(count),
        Mark(Failed) if name == "timeout" => OfSuite::Nothing,
        Flag(Failed) | Mark(Failed) => OfSuite::Others(count),
        Flag(_) | Mark(Skipped) => OfSuite::Skips(count),
        // MSTest counts here what has ended without a result.
        Moment(Failed) if count == 0 => OfSuite::Nothing,
        Truth(_) | Moment(_) | Mark(_) if is_true => OfSuite::Nothing,
        Truth(_) | Moment(_) | Mark(_) => OfSuite::Passes(count),
        Total => OfSuite::Tests(count),
        Word | Code => return None,
    })
}

/// What is plain of an attribute that no table has.
fn of_unknown(name: &str, written: &str) -> Said {
    let value = &*folded(written);
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let begins = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    let ends = |parts: &[&str]| parts.iter().any(|part| name.ends_with(part));
    if begins(OF_OTHERS) || ends(THINGS) {
        return Said::Nothing;
    }
    let (truth, state) = (truth(written), words::value(value));
    if has(OF_FAILURE) {
        return if truth == Some(false) || is_nothing(value) { Said::Nothing } else { Said::Unknown };
    }
    if has(OF_SUCCESS) {
        return if truth == Some(true) || state == Some(Passed) { Said::Nothing } else { Said::Unknown };
    }
    if has(OF_STATES) {
        return state.map_or(Said::Unknown, Said::State);
    }
    let is_free = has(FREE) || FREE_NAMES.contains(&name);
    if !is_free && PLAIN_FAILURES.contains(&value) { Said::Unknown } else { Said::Nothing }
}

/// The meaning of a name in the tables, also behind a negation.
fn known(name: &str) -> Option<Meaning> {
    let of_tests = ["tests", "testcases", "cases"].into_iter().filter_map(|part| name.strip_prefix(part));
    std::iter::once(name).chain(of_tests).find_map(|name| {
        let bare = bare(name);
        listed(bare).or_else(|| {
            let rests = NEGATIONS.iter().filter_map(|negation| bare.strip_prefix(negation));
            rests.filter_map(listed).find_map(negated)
        })
    })
}

/// The meaning of a name without what stands before and behind it.
fn listed(name: &str) -> Option<Meaning> {
    find(ATTRIBUTES, name).or_else(|| words::name(name).map(Mark))
}

fn negated(meaning: Meaning) -> Option<Meaning> {
    match meaning {
        Truth(state) | Moment(state) => Some(Flag(state)),
        Flag(state) | Count(state) => Some(Truth(state)),
        Mark(Passed) => Some(Mark(Failed)),
        Mark(_) => Some(Mark(Passed)),
        Word | Code | Total => None,
    }
}

/// A name without what may stand before and behind it, or as much of that as makes it one of the tables.
fn bare(name: &str) -> &str {
    let mut bare = name;
    while listed(bare).is_none() {
        let before = BEFORE.iter().chain(BEFORE_NUMBERS).find_map(|part| bare.strip_prefix(part));
        let Some(rest) = before.or_else(|| BEHIND.iter().find_map(|part| bare.strip_suffix(part))) else {
            break;
        };
        if rest.is_empty() {
            break;
        }
        bare = rest;
    }
    bare
}

fn truth(written: &str) -> Option<bool> {
    match (number(written), &*folded(written)) {
        (Some(0), _) => Some(false),
        (Some(1), _) => Some(true),
        (Some(_), _) => None,
        (None, "true" | "yes" | "on") => Some(true),
        (None, "false" | "no" | "off") => Some(false),
        (None, _) => None,
    }
}

/// A value that says that there is nothing.
fn is_nothing(value: &str) -> bool {
    matches!(value, "none" | "null" | "nil" | "n/a" | "na" | "undefined")
}

/// A whole number, also one with a decimal part of zeros.
pub(super) fn number(written: &str) -> Option<i64> {
    let written: String = written.chars().filter(|one| !one.is_whitespace()).collect();
    let (whole, rest) = written.split_once('.').unwrap_or((&written, ""));
    if rest.bytes().any(|digit| digit != b'0') { None } else { whole.parse().ok() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_stands_in_one_place_and_as_it_is_compared() {
        let mut seen = HashSet::new();
        for name in ATTRIBUTES.iter().flat_map(|(_, names)| *names) {
            assert!(seen.insert(name), "`{name}` stands twice");
            assert_eq!(folded(name), **name);
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
            assert_eq!(of_test(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn names_are_known_with_words_before_and_behind_them() {
        for (name, value) in [
            ("isSuccess", "false"),
            ("is_passed", "no"),
            ("isFailed", "true"),
            ("has-failed", "1"),
            ("hasError", "true"),
            ("hasErrors", "True"),
            ("wasSuccessful", "0"),
            ("notPassed", "true"),
            ("is-unsuccessful", "true"),
            ("error-count", "1"),
            ("numFailures", "2"),
            ("totalErrors", "1"),
            ("failure_count", "one"),
            ("errorMessage", "boom"),
            ("failureType", "AssertionError"),
            ("exit-code", "1"),
            ("exitStatus", "-11"),
            ("returncode", "2"),
            ("resultCode", "1"),
            ("resultCode", "FAILED"),
            ("test-status", "failed"),
            ("finalResult", "Error"),
            ("executionStatus", "aborted"),
            ("isCrashed", "true"),
            ("step-result", "failed"),
            ("success", "failed"),
        ] {
            assert_eq!(of_test(name, value), Said::State(Failed), "{name}={value}");
        }
        for (name, value) in [
            ("isSuccess", "true"),
            ("passed", "1"),
            ("isFailed", "false"),
            ("hasError", "0"),
            ("noErrors", "true"),
            ("error-count", "0"),
            ("errorMessage", ""),
            ("failure", "null"),
            ("exit-code", "0"),
            ("resultCode", "OK"),
            // What only looks like a state.
            ("assertions", "3"),
            ("expectedResult", "failed"),
            ("max-failures", "5"),
            ("failfast", "true"),
            ("result-file", "a.xml"),
            ("success-rate", "100%"),
            ("classname", "Failed"),
            ("value_param", "error"),
            ("note", "done"),
            ("issue", "7"),
            ("uncovered", "1"),
        ] {
            let said = of_test(name, value);
            assert!(matches!(said, Said::Nothing | Said::State(Passed)), "{name}={value}: {said:?}");
        }
        for (name, value) in [
            ("result-summary", "shrug"),
            ("failure-kind", "soft"),
            ("successLevel", "low"),
            ("phase", "failed"),
            ("health", "Broken"),
        ] {
            if name != "successLevel" {
                assert_eq!(of_test(name, value), Said::Unknown, "{name}={value}");
            }
        }
    }

    #[test]
    fn numbers_of_a_suite_are_of_its_tests() {
        for (name, value, expected) in [
            ("failures", "2", OfSuite::Failures(2)),
            ("failureCount", "1", OfSuite::Failures(1)),
            ("errors", "01", OfSuite::Errors(1)),
            ("errors", "one", OfSuite::Failed),
            ("errors", "", OfSuite::Nothing),
            ("skipped", "1", OfSuite::Skips(1)),
            ("skipped", "true", OfSuite::Skipped),
            ("passed", "00", OfSuite::Passes(0)),
            ("passed", "3", OfSuite::Passes(3)),
            ("passed", "-1", OfSuite::Unknown),
            ("success", "1", OfSuite::Nothing),
            ("failures", "1.0", OfSuite::Failures(1)),
            ("timeouts", "2", OfSuite::Others(2)),
            ("timeout", "30", OfSuite::Nothing),
            ("notRun", "2", OfSuite::Skips(2)),
            ("completed", "0", OfSuite::Nothing),
            ("success", "False", OfSuite::Failed),
            ("executed", "0", OfSuite::Passes(0)),
            ("executed", "False", OfSuite::Skipped),
            ("aborted", "1", OfSuite::Others(1)),
            ("aborted", "0", OfSuite::Others(0)),
            ("result", "Failure", OfSuite::Failed),
            ("result", "shrug", OfSuite::Unknown),
            ("exit-code", "1", OfSuite::Failed),
            ("exit-code", "0", OfSuite::Nothing),
            ("hostname", "failed", OfSuite::Nothing),
            ("tests", "3", OfSuite::Tests(3)),
        ] {
            assert_eq!(of_suite(name, value), expected, "{name}={value}");
        }
    }
}
