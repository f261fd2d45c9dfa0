//! What one process of pytest tells, and what is concluded when it has ended.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::testing::report::{Status, TestReport, Verdict, cap};

/// A line of the probe.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Missing { program: String },
    Loading { file: String },
    LoadFailed { file: String, message: String },
    Listed { tests: Vec<String> },
    Started { test: String },
    Done { test: String, result: Outcome, message: Option<String>, duration: f64 },
    Finished { code: i32 },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Reads lines, and believes those that carry the nonce.
#[derive(Debug)]
pub(super) struct Session {
    nonce: String,
    wanted: HashSet<String>,
    pub(super) missing: Option<String>,
    pub(super) listed: Option<Vec<String>>,
    pub(super) load_failures: HashMap<String, String>,
    /// What runs now: the reason why the process ended lies there.
    pub(super) current: Option<Current>,
    pub(super) finished: Option<i32>,
    pub(super) done: HashMap<String, TestReport>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Current {
    /// A file of tests is imported, and the student's files with it.
    File(String),
    Test(String),
}

/// What a listener may want to know of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something new has begun, so its time begins as well.
    Began,
    Other,
}

impl Session {
    pub(super) fn new(nonce: String, wanted: &[String]) -> Self {
        Self {
            nonce,
            wanted: wanted.iter().cloned().collect(),
            missing: None,
            listed: None,
            load_failures: HashMap::new(),
            current: None,
            finished: None,
            done: HashMap::new(),
        }
    }

    pub(super) fn read(&mut self, line: &[u8]) -> Step {
        let event = line
            .strip_prefix(self.nonce.as_bytes())
            .and_then(|rest| rest.strip_prefix(b" "))
            .and_then(|json| serde_json::from_slice(json).ok());
        match event {
            None => return Step::Other,
            Some(Event::Missing { program }) => self.missing = Some(program),
            Some(Event::Loading { file }) => self.current = Some(Current::File(file)),
            Some(Event::LoadFailed { file, message }) => {
                self.load_failures.insert(file, cap(&message));
                self.current = None;
            }
            Some(Event::Listed { tests }) => self.listed = Some(tests),
            Some(Event::Started { test }) => self.current = Some(Current::Test(test)),
            Some(Event::Done { test, result, message, duration }) => {
                self.current = None;
                self.take(&test, result, message.as_deref(), duration);
                return Step::Other;
            }
            Some(Event::Finished { code }) => {
                self.current = None;
                self.finished = Some(code);
            }
        }
        Step::Began
    }

    /// The first result of a test counts, and only if the test was asked for.
    fn take(&mut self, test: &str, result: Outcome, message: Option<&str>, duration: f64) {
        if !self.wanted.contains(test) || self.done.contains_key(test) {
            return;
        }
        let (status, verdict) = match result {
            Outcome::Passed => (Status::Completed, Verdict::Passed),
            Outcome::Failed => (Status::Completed, Verdict::Failed),
            Outcome::Skipped => (Status::Skipped, Verdict::Skipped),
        };
        let seconds = if duration.is_finite() { duration.max(0.0) } else { 0.0 };
        self.done.insert(test.to_owned(), TestReport::new(test, status, verdict, message).lasting(seconds));
    }

    /// Settles what the process left open, because of how it ended. Answers the reports, at least one of them.
    pub(super) fn settle(
        mut self,
        remaining: &[String],
        status: Status,
        reason: &str,
    ) -> HashMap<String, TestReport> {
        for test in remaining {
            let failure = self.load_failures.get(file_of(test)).map(String::as_str);
            let report = match (&self.current, failure) {
                (_, Some(message)) => (Status::Crashed, message),
                (Some(Current::Test(current)), None) if current == test => (status, reason),
                (Some(Current::File(current)), None) if current == file_of(test) => (status, reason),
                (None, None) if self.finished.is_some() => (Status::Crashed, "the test was not run"),
                _ => continue,
            };
            let (status, message) = report;
            self.done
                .entry(test.clone())
                .or_insert_with(|| TestReport::new(test, status, Verdict::Failed, Some(message)));
        }
        if self.done.is_empty() {
            // Without this the next process would meet the same, for ever.
            let all = remaining
                .iter()
                .map(|test| (test.clone(), TestReport::new(test, status, Verdict::Failed, Some(reason))));
            self.done.extend(all);
        }
        self.done
    }
}

/// The part of a test's name that names its file.
pub(super) fn file_of(test: &str) -> &str {
    test.split_once("::").map_or(test, |(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> (Session, Vec<String>) {
        let tests = ["t/a.py::one", "t/a.py::two", "t/b.py::three"].map(str::to_owned).to_vec();
        (Session::new("nonce".into(), &tests), tests)
    }

    fn done(test: &str) -> Vec<u8> {
        format!(r#"nonce {{"event":"done","test":"{test}","result":"passed","message":null,"duration":0.1}}"#)
            .into()
    }

    #[test]
    fn only_lines_with_the_nonce_are_believed() {
        let (mut session, tests) = session();
        let forged = String::from_utf8(done(&tests[0])).expect("text").replace("nonce", "guess");
        session.read(forged.as_bytes());
        session.read(b"nonce");
        session.read(b"nonce {\"event\":\"done\"}");
        session.read(&done("t/a.py::made_up"));
        assert!(session.done.is_empty());
        session.read(&done(&tests[0]));
        assert_eq!(session.done.len(), 1);
    }

    #[test]
    fn the_test_that_ran_is_blamed_and_the_rest_is_left_for_the_next_process() {
        let (mut session, tests) = session();
        session.read(&done(&tests[0]));
        session.read(format!(r#"nonce {{"event":"started","test":"{}"}}"#, tests[1]).as_bytes());
        let reports = session.settle(&tests, Status::TimedOut, "too slow");
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[&tests[1]].status, Status::TimedOut);
        assert!(!reports.contains_key(&tests[2]));
    }

    #[test]
    fn a_file_that_does_not_load_fails_its_tests_only() {
        let (mut session, tests) = session();
        session.read(br#"nonce {"event":"loading","file":"t/a.py"}"#);
        let reports = session.settle(&tests, Status::TimedOut, "too slow");
        assert_eq!(reports.len(), 2);
        assert!(!reports.contains_key(&tests[2]));
    }

    #[test]
    fn a_process_that_told_nothing_ends_the_matter() {
        let (session, tests) = session();
        let reports = session.settle(&tests, Status::Crashed, "exit status 0");
        assert!(reports.values().all(|report| report.result == Verdict::Failed));
        assert_eq!(reports.len(), 3);
    }

    #[test]
    fn a_test_that_pytest_left_out_has_failed() {
        let (mut session, tests) = session();
        session.read(&done(&tests[0]));
        session.read(br#"nonce {"event":"finished","code":0}"#);
        let reports = session.settle(&tests, Status::Crashed, "?");
        assert_eq!(reports[&tests[1]].result_message.as_deref(), Some("the test was not run"));
        assert_eq!(reports.len(), 3);
    }
}
