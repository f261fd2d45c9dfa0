//! The ways to run tests. Each lists them before it meets the student's files: a test without a result has failed.

mod command;
mod ending;
mod fixtures;
mod frames;
mod hints;
mod junit;
mod kept;
mod pytest;
mod session;

use super::{
    Broken, Progress, Stage,
    bench::Bench,
    plan::{Messages, RunnerKind},
    report::{Status, TestReport, Verdict, cap},
};

pub(super) use ending::{exceeded, last_output, suspected_limit};

const LEFT_OUT: &str = "left out of the count";
const SKIPPED_BY_SUBMISSION: &str = "it was skipped with the submission";

/// A listener for progress.
pub(super) type Listener<'a> = &'a mut (dyn FnMut(Progress) + Send);

#[derive(Clone, Copy, Debug)]
pub(super) enum Runner {
    Pytest,
    Command,
    Junit,
}

impl Runner {
    pub(super) fn new(kind: RunnerKind) -> Self {
        match kind {
            RunnerKind::Pytest => Self::Pytest,
            RunnerKind::Command => Self::Command,
            RunnerKind::Junit => Self::Junit,
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Command => "command",
            Self::Junit => "junit",
        }
    }

    /// All tests, from the reference alone. At least one of them counts.
    pub(super) async fn list(self, bench: &Bench<'_>) -> Result<Vec<Test>, Broken> {
        let tests = match self {
            Self::Pytest => match pytest::list(bench).await {
                Err(Broken::NoTests) => return Err(bench.without_tests()),
                Ok(tests) if tests.is_empty() => return Err(bench.without_tests()),
                tests => tests?,
            },
            Self::Command => command::list(bench).await?.into_iter().map(Test::new).collect(),
            Self::Junit => junit::list(bench).await?,
        };
        if tests.iter().all(|test| test.left_out.is_some()) { Err(Broken::NoTests) } else { Ok(tests) }
    }

    /// One report for each test, in their order.
    pub(super) async fn run(
        self,
        bench: &Bench<'_>,
        tests: &[Test],
        listener: Listener<'_>,
    ) -> Result<Vec<TestReport>, Broken> {
        let mut reports = match self {
            Self::Pytest => pytest::run(bench, tests, listener).await,
            Self::Command => command::run(bench, listener).await,
            Self::Junit => junit::run(bench, tests, listener).await,
        }?;
        if reports.iter().all(|report| report.result == Verdict::Skipped) {
            return Err(Broken::NoTests);
        }
        hints::add_hints(&mut reports, &bench.limits(), || bench.not_utf_8());
        tell_missing(&mut reports, &bench.missing_files());
        if bench.plan.messages == Messages::Withheld {
            for report in &mut reports {
                let is_left_out = report.result == Verdict::Skipped;
                report.result_message = is_left_out.then(|| LEFT_OUT.to_owned());
            }
        }
        Ok(reports)
    }
}

/// Adds the files that a submission lacks to the messages of tests that failed.
fn tell_missing(reports: &mut [TestReport], missing: &[String]) {
    if missing.is_empty() {
        return;
    }
    for report in reports.iter_mut().filter(|report| report.result == Verdict::Failed) {
        let before = missing.join("\n");
        let message = report.result_message.take().unwrap_or_default();
        report.result_message = Some(cap(format!("{before}\n{message}").trim_end()));
    }
}

/// A test of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) name: String,
    /// Why it does not count, if it does not.
    left_out: Option<String>,
    /// Whether only a run with the solution tells if it counts.
    may_be_left_out: bool,
}

impl Test {
    fn new(name: String) -> Self {
        Self { name, left_out: None, may_be_left_out: false }
    }

    fn left_out(name: String, reason: String) -> Self {
        Self { left_out: Some(reason), ..Self::new(name) }
    }

    /// The report of the test when the submission cannot be tested at all.
    pub(super) fn not_loaded(&self, fault: &str) -> TestReport {
        match &self.left_out {
            Some(reason) => left_out(&self.name, reason),
            None => TestReport::new(&self.name, Status::Failed, Verdict::Failed, Some(fault)),
        }
    }
}

fn running(done: usize, total: usize, current: Option<&str>) -> Progress {
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Progress {
        stage: Stage::Running,
        done: count(done),
        total: count(total),
        current: current.map(str::to_owned),
    }
}

fn not_run(name: &str) -> TestReport {
    let message = "not run: the time for all tests was used up";
    TestReport::new(name, Status::Skipped, Verdict::Failed, Some(message))
}

/// The report of a test that does not count.
fn left_out(name: &str, reason: &str) -> TestReport {
    TestReport::new(name, Status::Skipped, Verdict::Skipped, Some(&because(LEFT_OUT, reason)))
}

/// A sentence with the reason for it, if one was given.
fn because(sentence: &str, reason: &str) -> String {
    if reason.is_empty() { sentence.to_owned() } else { format!("{sentence}: {reason}") }
}

/// Fails a test that was skipped with the submission, although it counts. What is skipped does not count, so a submission could otherwise
/// raise its score by skipping the tests that it does not pass.
fn refuse_skip(report: TestReport) -> TestReport {
    if report.result != Verdict::Skipped {
        return report;
    }
    let message = because(SKIPPED_BY_SUBMISSION, report.result_message.as_deref().unwrap_or_default());
    TestReport::new(&report.name, Status::Skipped, Verdict::Failed, Some(&message)).lasting(report.duration)
}
