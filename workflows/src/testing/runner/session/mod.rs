//! What one process of pytest tells, and what is concluded when it has ended.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ctutor_sandbox::Stopwatch;
use serde::Deserialize;

use super::{
    ending::NO_PROCESS_LEFT,
    kept::{Output, with_outputs},
    not_run,
};
use crate::testing::{
    paths::Hidden,
    report::{Status, TestReport, Verdict, cap},
};

/// What every test of a run is told in which somebody changed how tests are run or told.
const TAMPERED: &str = "the results of this run are rejected because the tests were tampered with: \
     a test that must fail has passed, pytest was modified, or a result was reported that no test produced";
const BY_IMPORT: &str = "files of the submission start too many of them while they are imported";
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
        #[serde(default)]
        outputs: Vec<Output>,
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
        /// Tests that count and need a fixture that nothing has, with its name.
        #[serde(default)]
        lacking: BTreeMap<String, String>,
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
        /// What a failed test wrote.
        #[serde(default)]
        outputs: Vec<Output>,
        duration: f64,
    },
    /// No process can be started any more; the tests are not to blame that have not begun.
    Exhausted,
    /// Pytest ends before its tests are done.
    Interrupted {
        message: String,
        #[serde(default)]
        outputs: Vec<Output>,
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
    pub(super) lacking: BTreeMap<String, String>,
    pub(super) load_failures: HashMap<String, String>,
    /// Files that skip themselves, with the reasons.
    pub(super) load_skips: BTreeMap<String, String>,
    /// The skipped subtests of tests that passed otherwise.
    pub(super) skipped_subtests: HashMap<String, BTreeSet<String>>,
    /// What runs now: the reason why the process ended lies there.
    pub(super) current: Option<Current>,
    /// Runs since that has begun.
    began: Stopwatch,
    pub(super) finished: Option<i32>,
    /// No process or thread was left for the next test.
    exhausted: bool,
    /// Why pytest ended early, and what was written until then.
    interruption: Option<String>,
    /// The paths of the worker that the process can meet.
    pub(super) hidden: Hidden,
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
            lacking: BTreeMap::new(),
            load_failures: HashMap::new(),
            load_skips: BTreeMap::new(),
            skipped_subtests: HashMap::new(),
            current: None,
            began: Stopwatch::start(),
            finished: None,
            exhausted: false,
            interruption: None,
            hidden: Hidden::default(),
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
            Some(Event::Loading { file }) => {
                self.current = Some(Current::File(file));
                self.began = Stopwatch::start();
            }
            Some(Event::LoadFailed { file, message, outputs }) => {
                if self.concerns(&file) {
                    let message = with_outputs(&message, &outputs, &self.hidden);
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
            Some(Event::Listed { tests, left_out, lacking }) => {
                self.listed = Some(tests);
                self.left_out = left_out;
                self.lacking = lacking;
                self.current = None;
            }
            Some(Event::Started { test }) => self.start(test),
            Some(Event::Changed) => self.tampered = true,
            Some(Event::Done { test, result, message, skipped_subtests, outputs, duration }) => {
                if !skipped_subtests.is_empty() && self.canary_first.contains_key(&test) {
                    self.skipped_subtests.insert(test.clone(), skipped_subtests);
                }
                let message = match message {
                    Some(message) => Some(with_outputs(&message, &outputs, &self.hidden)),
                    None => None,
                };
                self.take(&test, result, message.as_deref(), duration);
                return Step::Other;
            }
            Some(Event::Exhausted) => self.exhausted = true,
            Some(Event::Interrupted { message, outputs }) => {
                self.interruption = Some(with_outputs(&message, &outputs, &self.hidden));
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
        self.began = Stopwatch::start();
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

    /// How long that which runs now has been running, in seconds.
    pub(super) fn lasted(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
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

    /// Settles what the process left open, because of how it ended. What ran then has lasted so many seconds. Answers the
    /// reports, at least one of them.
    pub(super) fn settle(
        mut self,
        remaining: &[String],
        status: Status,
        reason: &str,
        lasted: f64,
    ) -> HashMap<String, TestReport> {
        if let Some(reports) = self.condemn(remaining) {
            return reports;
        }
        let with_interruption = |sentence: &str| match &self.interruption {
            Some(interruption) => format!("{sentence}\n{interruption}"),
            None => sentence.to_owned(),
        };
        let (status, reason) = match (&self.current, self.finished) {
            (Some(_), Some(_)) => (Status::Crashed, with_interruption(INTERRUPTED)),
            // If a test had used them up, it would be done, and another process would go on with the next one.
            (None, None) if self.exhausted => {
                (Status::Crashed, format!("not run: {NO_PROCESS_LEFT}, because {BY_IMPORT}"))
            }
            (None, Some(_)) if self.listed.is_some() => (Status::Crashed, with_interruption(NOT_RUN)),
            _ => (status, reason.to_owned()),
        };
        let reason = reason.as_str();
        for test in remaining {
            let failure = self.load_failures.get(file_of(test)).map(String::as_str);
            let (status, message, seconds) = match (&self.current, failure) {
                (_, Some(message)) => (Status::Crashed, message, 0.0),
                (Some(Current::Test { name, .. }), None) if name == test => (status, reason, lasted),
                (Some(Current::File(file)), None) if file == file_of(test) => (status, reason, lasted),
                (None, None) if self.finished.is_some() => (status, reason, 0.0),
                _ => continue,
            };
            self.done.entry(test.clone()).or_insert_with(|| {
                TestReport::new(test, status, Verdict::Failed, Some(message)).lasting(seconds)
            });
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

    /// The time for all tests is over: what was running failed by it after so many seconds, the rest was not run.
    pub(super) fn settle_late(
        mut self,
        remaining: &[String],
        words: &str,
        lasted: f64,
    ) -> HashMap<String, TestReport> {
        if let Some(reports) = self.condemn(remaining) {
            return reports;
        }
        if let Some(Current::Test { name, .. }) = self.current.take() {
            let message = format!("it ran when the time for all tests was used up\n{words}");
            let report = TestReport::new(&name, Status::TimedOut, Verdict::Failed, Some(message.trim_end()));
            self.done.entry(name).or_insert(report.lasting(lasted));
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
mod tests;
