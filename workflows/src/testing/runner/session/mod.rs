//! What one process of pytest tells, and what is concluded when it has ended.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;

use super::not_run;
use crate::testing::report::{Status, TestReport, Verdict, cap};

/// What every test of a run is told in which somebody changed how tests are run or told.
const TAMPERED: &str = "the results of this run are rejected because the tests were tampered with: \
     a test that must fail has passed, pytest was modified, or a result was reported that no test produced";
const NOT_RUN: &str = "the test was not run";
const INTERRUPTED: &str =
    "the program ended the tests, for instance by `sys.exit`, `KeyboardInterrupt` or `pytest.exit`";

/// A line of the probe.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Missing {
        program: String,
    },
    Loading {
        file: String,
    },
    LoadFailed {
        file: String,
        message: String,
    },
    /// A file skips itself while it is imported.
    LoadSkipped {
        file: String,
        message: String,
    },
    Listed {
        tests: Vec<String>,
        /// Tests that a decorator skips or expects to fail.
        #[serde(default)]
        left_out: HashMap<String, LeftOut>,
    },
    Started {
        test: String,
    },
    /// Pytest is not what it was when it was started.
    Changed,
    Done {
        test: String,
        result: Outcome,
        message: Option<String>,
        #[serde(default)]
        skipped_subtests: BTreeSet<String>,
        duration: f64,
    },
    Finished {
        code: i32,
    },
}

/// What a decorator of the reference says of a test.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LeftOut {
    pub(super) by: Decorator,
    /// The reason that it gives; may be empty.
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decorator {
    Skip,
    Xfail,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Reads lines, and believes those that carry the nonce and come in their turn.
///
/// Each test is told twice, once as it is and once as a canary that has to fail. Which is which was drawn by lot here.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) nonce: String,
    canary_first: HashMap<String, bool>,
    pub(super) missing: Option<String>,
    pub(super) listed: Option<Vec<String>>,
    pub(super) left_out: HashMap<String, LeftOut>,
    pub(super) load_failures: HashMap<String, String>,
    /// Files that skip themselves, with the reasons.
    pub(super) load_skips: BTreeMap<String, String>,
    /// The skipped subtests of tests that passed otherwise.
    pub(super) skipped_subtests: HashMap<String, BTreeSet<String>>,
    /// What runs now: the reason why the process ended lies there.
    pub(super) current: Option<Current>,
    pub(super) finished: Option<i32>,
    /// Somebody changed how tests are run or told.
    pub(super) tampered: bool,
    pub(super) done: HashMap<String, TestReport>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Current {
    /// A file of tests is imported, and the student's files with it.
    File(String),
    Test {
        name: String,
        runs: bool,
        /// What the first of the two runs gave.
        first: Option<TestReport>,
    },
}

/// What a listener may want to know of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something new has begun, so its time begins as well.
    Began,
    Other,
}

impl Session {
    pub(super) fn new(wanted: &[String]) -> Self {
        // The lowest bit of such an ID is random.
        let lot = || uuid::Uuid::new_v4().as_u128() & 1 == 1;
        Self {
            nonce: uuid::Uuid::new_v4().simple().to_string(),
            canary_first: wanted.iter().map(|test| (test.clone(), lot())).collect(),
            missing: None,
            listed: None,
            left_out: HashMap::new(),
            load_failures: HashMap::new(),
            load_skips: BTreeMap::new(),
            skipped_subtests: HashMap::new(),
            current: None,
            finished: None,
            tampered: false,
            done: HashMap::new(),
        }
    }

    /// The tests whose canaries run before them.
    pub(super) fn canary_first(&self) -> Vec<&str> {
        self.canary_first.iter().filter(|(_, first)| **first).map(|(test, _)| test.as_str()).collect()
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
                if self.concerns(&file) {
                    self.load_failures.insert(file, cap(&message));
                }
                self.current = None;
            }
            Some(Event::LoadSkipped { file, message }) => {
                if self.concerns(&file) {
                    let told = format!("the file was skipped while it was imported: {message}");
                    self.load_failures.insert(file.clone(), cap(&told));
                    self.load_skips.insert(file, cap(&message));
                }
                self.current = None;
            }
            Some(Event::Listed { tests, left_out }) => {
                self.listed = Some(tests);
                self.left_out = left_out;
                self.current = None;
            }
            Some(Event::Started { test }) => self.start(test),
            Some(Event::Changed) => self.tampered = true,
            Some(Event::Done { test, result, message, skipped_subtests, duration }) => {
                if !skipped_subtests.is_empty() && self.canary_first.contains_key(&test) {
                    self.skipped_subtests.insert(test.clone(), skipped_subtests);
                }
                self.take(&test, result, message.as_deref(), duration);
                return Step::Other;
            }
            Some(Event::Finished { code }) => self.finished = Some(code),
        }
        Step::Began
    }

    /// Whether a file has tests that are wanted. A submission that knows the nonce can name as many others as it likes,
    /// and none is kept. While tests are listed, none of its files is there.
    fn concerns(&self, file: &str) -> bool {
        self.canary_first.is_empty() || self.canary_first.keys().any(|test| file_of(test) == file)
    }

    fn start(&mut self, test: String) {
        match &mut self.current {
            Some(Current::Test { name, runs, .. }) if *name == test && !*runs => *runs = true,
            None if self.canary_first.contains_key(&test) && !self.done.contains_key(&test) => {
                self.current = Some(Current::Test { name: test, runs: true, first: None });
            }
            _ => self.tampered = true,
        }
    }

    fn take(&mut self, test: &str, result: Outcome, message: Option<&str>, duration: f64) {
        let (status, verdict) = match result {
            Outcome::Passed => (Status::Completed, Verdict::Passed),
            Outcome::Failed => (Status::Completed, Verdict::Failed),
            Outcome::Skipped => (Status::Skipped, Verdict::Skipped),
        };
        let seconds = if duration.is_finite() { duration.max(0.0) } else { 0.0 };
        let report = TestReport::new(test, status, verdict, message).lasting(seconds);
        match self.current.take() {
            Some(Current::Test { name, runs: true, first }) if name == test => match first {
                None => {
                    self.current = Some(Current::Test { name, runs: false, first: Some(report) });
                }
                Some(first) => self.take_both(first, report),
            },
            _ => self.tampered = true,
        }
    }

    /// A test is done when both of its runs are.
    fn take_both(&mut self, first: TestReport, second: TestReport) {
        let canary_first = self.canary_first.get(&first.name).copied().unwrap_or_default();
        let (canary, report) = if canary_first { (first, second) } else { (second, first) };
        self.tampered |= canary.result == Verdict::Passed;
        self.done.insert(report.name.clone(), report);
    }

    /// The test that runs now.
    pub(super) fn current_test(&self) -> Option<&str> {
        match &self.current {
            Some(Current::Test { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// Tests that pytest did not find although it could load their files.
    pub(super) fn unlisted(&self) -> Vec<String> {
        let Some(listed) = &self.listed else { return Vec::new() };
        let listed: HashSet<&String> = listed.iter().collect();
        let is_unlisted =
            |test: &&String| !listed.contains(test) && !self.load_failures.contains_key(file_of(test));
        let mut tests: Vec<String> = self.canary_first.keys().filter(is_unlisted).cloned().collect();
        tests.sort();
        tests
    }

    /// Settles what the process left open, because of how it ended. Answers the reports, at least one of them.
    pub(super) fn settle(
        mut self,
        remaining: &[String],
        status: Status,
        reason: &str,
    ) -> HashMap<String, TestReport> {
        if let Some(reports) = self.condemn(remaining) {
            return reports;
        }
        let (status, reason) = match (&self.current, self.finished) {
            (Some(_), Some(_)) => (Status::Crashed, INTERRUPTED),
            (None, Some(_)) if self.listed.is_some() => (Status::Crashed, NOT_RUN),
            _ => (status, reason),
        };
        for test in remaining {
            let failure = self.load_failures.get(file_of(test)).map(String::as_str);
            let (status, message) = match (&self.current, failure) {
                (_, Some(message)) => (Status::Crashed, message),
                (Some(Current::Test { name, .. }), None) if name == test => (status, reason),
                (Some(Current::File(file)), None) if file == file_of(test) => (status, reason),
                (None, None) if self.finished.is_some() => (status, reason),
                _ => continue,
            };
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

    /// The time for all tests is over: what was running failed by it, the rest was not run.
    pub(super) fn settle_late(mut self, remaining: &[String]) -> HashMap<String, TestReport> {
        if let Some(reports) = self.condemn(remaining) {
            return reports;
        }
        if let Some(Current::Test { name, .. }) = self.current.take() {
            let message = "it ran when the time for all tests was used up";
            let report = TestReport::new(&name, Status::TimedOut, Verdict::Failed, Some(message));
            self.done.entry(name).or_insert(report);
        }
        for test in remaining {
            self.done.entry(test.clone()).or_insert_with(|| not_run(test));
        }
        self.done
    }

    /// Nothing is left of what a process told that somebody tampered with.
    fn condemn(&self, remaining: &[String]) -> Option<HashMap<String, TestReport>> {
        let failed = |test: &String| TestReport::new(test, Status::Failed, Verdict::Failed, Some(TAMPERED));
        self.tampered.then(|| remaining.iter().map(|test| (test.clone(), failed(test))).collect())
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
        let mut session = Session::new(&tests);
        session.nonce = "nonce".to_owned();
        (session, tests)
    }

    fn started(test: &str) -> Vec<u8> {
        format!(r#"nonce {{"event":"started","test":"{test}"}}"#).into()
    }

    fn done(test: &str, result: &str) -> Vec<u8> {
        format!(
            r#"nonce {{"event":"done","test":"{test}","result":"{result}","message":null,"duration":0.1}}"#
        )
        .into()
    }

    /// The test as it is gives `result`, its canary `canary`.
    fn run(session: &mut Session, test: &str, result: &str, canary: &str) {
        let order = if session.canary_first[test] { [canary, result] } else { [result, canary] };
        for result in order {
            session.read(&started(test));
            session.read(&done(test, result));
        }
    }

    fn is_condemned(session: Session, tests: &[String]) -> bool {
        let reports = session.settle(tests, Status::Crashed, "?");
        let condemned =
            reports.values().filter(|report| report.result_message.as_deref() == Some(TAMPERED)).count();
        assert!(condemned == 0 || condemned == tests.len(), "{reports:?}");
        condemned > 0
    }

    #[test]
    fn only_lines_with_the_nonce_are_believed() {
        let (mut session, tests) = session();
        session.read(&started(&tests[0]));
        let forged = String::from_utf8(done(&tests[0], "passed")).expect("text").replace("nonce", "guess");
        session.read(forged.as_bytes());
        session.read(b"nonce");
        session.read(b"nonce {\"event\":\"done\"}");
        assert!(session.done.is_empty() && !session.tampered);
    }

    #[test]
    fn a_test_is_done_when_it_and_its_canary_have_run() {
        let (mut session, tests) = session();
        session.read(&started(&tests[0]));
        session.read(&done(&tests[0], "failed"));
        assert!(session.done.is_empty());
        session.read(&started(&tests[0]));
        session.read(&done(&tests[0], "failed"));
        run(&mut session, &tests[1], "passed", "failed");
        run(&mut session, &tests[2], "passed", "skipped");
        let verdicts: Vec<Verdict> = tests.iter().map(|test| session.done[test].result).collect();
        assert_eq!(verdicts, [Verdict::Failed, Verdict::Passed, Verdict::Passed]);
        assert!(!is_condemned(session, &tests));
    }

    #[test]
    fn a_canary_that_passes_condemns_the_whole_run() {
        for result in ["passed", "failed"] {
            let (mut session, tests) = session();
            run(&mut session, &tests[0], "failed", "failed");
            run(&mut session, &tests[1], result, "passed");
            assert!(is_condemned(session, &tests));
        }
    }

    #[test]
    fn results_out_of_turn_condemn_the_whole_run() {
        let (one, two) = ("t/a.py::one", "t/a.py::two");
        let told = |events: &[Vec<u8>]| {
            let (mut session, tests) = session();
            for event in events {
                session.read(event);
            }
            is_condemned(session, &tests)
        };
        let (begin, fail, pass) = (started(one), done(one, "failed"), done(one, "passed"));
        assert!(told(std::slice::from_ref(&pass)));
        assert!(told(&[begin.clone(), done(two, "passed")]));
        assert!(told(&[begin.clone(), fail.clone(), fail.clone()]));
        assert!(told(&[begin.clone(), begin.clone()]));
        assert!(told(&[begin.clone(), fail.clone(), started(two)]));
        let pair = [begin.clone(), fail.clone(), begin.clone(), fail];
        assert!(!told(&pair));
        assert!(told(&[&pair[..], &[begin]].concat()));
        assert!(told(&[started("t/a.py::made_up")]));
        assert!(told(&[b"nonce {\"event\":\"changed\"}".to_vec()]));
    }

    #[test]
    fn the_test_that_ran_is_blamed_and_the_rest_is_left_for_the_next_process() {
        for between in [false, true] {
            let (mut session, tests) = session();
            run(&mut session, &tests[0], "passed", "failed");
            session.read(&started(&tests[1]));
            if between {
                session.read(&done(&tests[1], "failed"));
            }
            let reports = session.settle(&tests, Status::TimedOut, "too slow");
            assert_eq!(reports.len(), 2);
            assert_eq!(reports[&tests[1]].status, Status::TimedOut);
            assert!(!reports.contains_key(&tests[2]));
        }
    }

    #[test]
    fn whoever_ends_pytest_costs_the_test_that_ran() {
        let (mut session, tests) = session();
        run(&mut session, &tests[0], "passed", "failed");
        session.read(&started(&tests[1]));
        session.read(br#"nonce {"event":"finished","code":2}"#);
        let reports = session.settle(&tests, Status::Crashed, "?");
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[&tests[1]].result_message.as_deref(), Some(INTERRUPTED));
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
    fn files_that_nobody_asked_for_are_not_kept() {
        let (mut session, _) = session();
        for event in ["load_failed", "load_skipped"] {
            for file in ["t/a.py", "t/made_up.py"] {
                let line = format!(r#"nonce {{"event":"{event}","file":"{file}","message":"?"}}"#);
                session.read(line.as_bytes());
            }
        }
        assert_eq!(session.load_failures.len(), 1);
        assert_eq!(session.load_skips.len(), 1);
        let made_up = r#"nonce {"event":"done","test":"made_up","result":"passed","message":null,"skipped_subtests":["a"],"duration":0}"#;
        session.read(made_up.as_bytes());
        assert!(session.skipped_subtests.is_empty());
        let mut listing = Session::new(&[]);
        listing.nonce = "nonce".to_owned();
        listing.read(br#"nonce {"event":"load_failed","file":"t/any.py","message":"?"}"#);
        assert_eq!(listing.load_failures.len(), 1);
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
        session.read(format!(r#"nonce {{"event":"listed","tests":["{}"]}}"#, tests[0]).as_bytes());
        run(&mut session, &tests[0], "passed", "failed");
        session.read(br#"nonce {"event":"finished","code":0}"#);
        assert_eq!(session.unlisted(), tests[1..]);
        let reports = session.settle(&tests, Status::Crashed, "?");
        assert_eq!(reports[&tests[1]].result_message.as_deref(), Some(NOT_RUN));
        assert_eq!(reports.len(), 3);
    }
}
