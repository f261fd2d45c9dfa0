//! The ways to run tests. Each lists them before it meets the student's files: a test without a result has failed.

mod command;
mod junit;
mod pytest;
mod session;

use ctutor_sandbox::Captured;

use super::{
    Broken, Progress, Stage,
    bench::Bench,
    plan::{Messages, RunnerKind},
    report::{Status, TestReport, Verdict},
};

const TAIL_BYTES_MAX: usize = 1_000;

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

    /// The names of all tests, from the reference alone.
    pub(super) async fn list(self, bench: &Bench<'_>) -> Result<Vec<String>, Broken> {
        match self {
            Self::Pytest => pytest::list(bench).await,
            Self::Command => command::list(bench).await,
            Self::Junit => junit::list(bench).await,
        }
    }

    /// One report for each name, in their order.
    pub(super) async fn run(
        self,
        bench: &Bench<'_>,
        names: Vec<String>,
        listener: Listener<'_>,
    ) -> Result<Vec<TestReport>, Broken> {
        let mut reports = match self {
            Self::Pytest => pytest::run(bench, names, listener).await,
            Self::Command => command::run(bench, listener).await,
            Self::Junit => junit::run(bench, names, listener).await,
        }?;
        reports.iter_mut().for_each(refuse_skip);
        if bench.plan.messages == Messages::Withheld {
            for report in &mut reports {
                report.result_message = None;
            }
        }
        Ok(reports)
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

/// The end of a text that a process wrote.
fn tail(output: &Captured) -> String {
    let text = output.text();
    text[text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES_MAX))..].trim().to_owned()
}

fn not_run(name: &str) -> TestReport {
    let message = "not run: the time for all tests was used up";
    TestReport::new(name, Status::Skipped, Verdict::Failed, Some(message))
}

/// Fails a test that was skipped with the submission. What is skipped does not count, so a submission could otherwise
/// raise its score by skipping the tests that it does not pass.
fn refuse_skip(report: &mut TestReport) {
    if report.result != Verdict::Skipped {
        return;
    }
    let reason = report.result_message.take().map_or_else(String::new, |reason| format!(": {reason}"));
    let message = format!("it was skipped with the submission{reason}");
    *report = TestReport::new(&report.name, Status::Skipped, Verdict::Failed, Some(&message))
        .lasting(report.duration);
}
