//! The report of a test, in the shape of `testSummary.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// For the messages of all tests together: a result has to stay below the largest payload, escapes and names included.
const MESSAGES_BYTES_MAX: usize = 512 << 10;

/// What came of testing one submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The runner: `pytest`, `command` or `junit`.
    #[serde(rename = "type")]
    pub kind: String,
    pub version: String,
    pub name: String,
    pub status: Status,
    pub result: Verdict,
    pub summary: Summary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// In seconds.
    pub duration: f64,
    pub tests: Vec<TestReport>,
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    pub name: String,
    pub status: Status,
    pub result: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_message: Option<String>,
    /// In seconds.
    pub duration: f64,
}

/// How many tests count, and what came of them. Tests that are left out count in `skipped` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The tests that count: `passed + failed`.
    pub total: u32,
    /// Tests that passed.
    pub passed: u32,
    /// Tests that did not pass.
    pub failed: u32,
    /// Tests that do not count, because the reference skips them or expects them to fail.
    pub skipped: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Scheduled,
    Completed,
    TimedOut,
    Crashed,
    Cancelled,
    Skipped,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    Passed,
    Failed,
    /// Left out of the count, because the reference skips the test or expects it to fail.
    Skipped,
}

impl Report {
    /// Sums up the tests.
    pub(super) fn new(kind: &str, name: String, duration: f64, mut tests: Vec<TestReport>) -> Self {
        bound_messages(&mut tests);
        let summary = Summary::of(&tests);
        let result = if summary.passed == summary.total { Verdict::Passed } else { Verdict::Failed };
        Self {
            kind: kind.to_owned(),
            version: "1.0".to_owned(),
            name,
            status: Status::Completed,
            result,
            summary,
            status_message: None,
            duration,
            tests,
        }
    }

    /// Between 0 and 1. Skipped tests have no part in it.
    pub fn score(&self) -> f64 {
        f64::from(self.summary.passed) / f64::from(self.summary.total.max(1))
    }
}

impl TestReport {
    pub(super) fn new(name: &str, status: Status, result: Verdict, message: Option<&str>) -> Self {
        let result_message = message.map(|text| cap(&text.replace(is_unfit, "\u{fffd}")));
        Self { name: name.to_owned(), status, result, result_message, duration: 0.0 }
    }

    pub(super) fn lasting(mut self, seconds: f64) -> Self {
        self.duration = seconds;
        self
    }
}

impl Summary {
    fn of(tests: &[TestReport]) -> Self {
        let mut summary = Self::default();
        for test in tests {
            match test.result {
                Verdict::Passed => summary.passed += 1,
                Verdict::Failed => summary.failed += 1,
                Verdict::Skipped => summary.skipped += 1,
            }
        }
        summary.total = summary.passed + summary.failed;
        summary
    }
}

/// Characters that databases or terminals do not take for text.
fn is_unfit(one: char) -> bool {
    one.is_control() && !matches!(one, '\n' | '\r' | '\t')
}

/// The beginning of a text that a student's program may have made as long as it liked.
pub(super) fn cap(text: &str) -> String {
    cap_at(text, MESSAGE_BYTES_MAX)
}

fn cap_at(text: &str, bytes_max: usize) -> String {
    const MARK: &str = " […]";

    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max - MARK.len());
    format!("{}{MARK}", &text[..end])
}

/// Cuts all messages to the same length if they are too much together.
fn bound_messages(tests: &mut [TestReport]) {
    let messages = || tests.iter().filter_map(|test| test.result_message.as_ref());
    if messages().map(String::len).sum::<usize>() <= MESSAGES_BYTES_MAX {
        return;
    }
    let bytes_max = (MESSAGES_BYTES_MAX / messages().count().max(1)).max(100);
    for message in tests.iter_mut().filter_map(|test| test.result_message.as_mut()) {
        *message = cap_at(message, bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(result: Verdict) -> TestReport {
        TestReport::new("t", Status::Completed, result, None)
    }

    #[test]
    fn skipped_tests_have_no_part_in_the_score() {
        let tests = [Verdict::Passed, Verdict::Passed, Verdict::Failed, Verdict::Skipped].map(test).to_vec();
        let report = Report::new("pytest", "triangle".into(), 0.5, tests);
        assert_eq!(report.summary, Summary { total: 3, passed: 2, failed: 1, skipped: 1 });
        assert!((report.score() - 2.0 / 3.0).abs() < f64::EPSILON);
        assert_eq!(report.result, Verdict::Failed);
        assert!(Report::new("pytest", "none".into(), 0.0, vec![]).score().abs() < f64::EPSILON);
    }

    #[test]
    fn the_report_has_the_field_names_of_the_summary_file() {
        let late = TestReport::new("slow", Status::TimedOut, Verdict::Failed, Some("too slow"));
        let value = serde_json::to_value(Report::new("pytest", "triangle".into(), 1.0, vec![late]))
            .expect("plain data");
        assert_eq!(value["summary"]["failed"], 1);
        assert_eq!(value["tests"][0]["status"], "TIMEDOUT");
        assert_eq!(value["tests"][0]["result"], "FAILED");
        assert_eq!(value["tests"][0]["resultMessage"], "too slow");
    }

    #[test]
    fn a_report_of_many_long_messages_stays_storable() {
        let long = "\"ä\n".repeat(MESSAGE_BYTES_MAX);
        let failed = |_| TestReport::new("t", Status::Completed, Verdict::Failed, Some(&long));
        let report = Report::new("junit", "t".to_owned(), 0.0, (0..2_000).map(failed).collect());
        let stored = serde_json::to_string(&report).expect("plain data");
        assert!(stored.len() < 1 << 20, "{} bytes", stored.len());
        assert!(
            report.tests.iter().all(|test| test.result_message.as_ref().is_some_and(|text| text.len() > 100))
        );
        let few = Report::new("junit", "t".to_owned(), 0.0, (0..100).map(failed).collect());
        assert_eq!(few.tests[0].result_message, Some(cap(&long)));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let capped = cap(&"ä".repeat(MESSAGE_BYTES_MAX));
        assert!(capped.len() <= MESSAGE_BYTES_MAX && capped.ends_with("[…]"));
    }
}
