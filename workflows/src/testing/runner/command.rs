//! Commands with what they should do. They share one folder, so that an early one may compile for the later ones.

use std::time::Duration;

use ctutor_sandbox::{Exit, Limits, Outcome};

use super::{Listener, not_run, running};
use crate::testing::{
    Broken,
    bench::{Bench, Place, Whose},
    compare::{Comparison, compare},
    plan::{CommandTest, Expected},
    report::{Status, TestReport, Verdict},
};

const FIND: &str = "for program; do command -v \"$program\" >/dev/null || echo \"$program\"; done";
const FIND_TIMEOUT: Duration = Duration::from_secs(30);
const SHOWN_BYTES_MAX: usize = 1_000;

pub(super) async fn list(bench: &Bench<'_>) -> Result<Vec<String>, Broken> {
    let tests = &bench.plan.commands;
    check_installed(bench, tests.iter().filter_map(|test| test.argv.first())).await?;
    Ok(tests.iter().map(|test| test.name.clone()).collect())
}

/// Refuses a plan for programs that the worker does not have.
pub(super) async fn check_installed(
    bench: &Bench<'_>,
    programs: impl Iterator<Item = &String>,
) -> Result<(), Broken> {
    // A program with a folder in its name is one that the tests are about to make.
    let programs = programs.filter(|name| !name.contains('/'));
    let argv: Vec<String> =
        ["sh", "-c", FIND, "sh"].into_iter().map(str::to_owned).chain(programs.cloned()).collect();
    let place = bench.place(Whose::Reference)?;
    let outcome = bench.sandbox.run(&bench.command(&place, &argv, FIND_TIMEOUT), bench.cancel).await?;
    bench.check_canceled()?;
    match outcome.stdout.text().lines().next() {
        Some(program) => Err(Broken::RunnerMissing { program: program.to_owned() }),
        None => Ok(()),
    }
}

pub(super) async fn run(bench: &Bench<'_>, listener: Listener<'_>) -> Result<Vec<TestReport>, Broken> {
    let place = bench.place(Whose::Student)?;
    let tests = &bench.plan.commands;
    let mut reports = Vec::with_capacity(tests.len());
    for (number, test) in tests.iter().enumerate() {
        listener(running(number, tests.len(), Some(&test.name)));
        reports.push(run_one(bench, &place, test).await?);
    }
    listener(running(tests.len(), tests.len(), None));
    Ok(reports)
}

async fn run_one(bench: &Bench<'_>, place: &Place, test: &CommandTest) -> Result<TestReport, Broken> {
    let remaining = bench.remaining();
    if remaining.is_zero() {
        return Ok(not_run(&test.name));
    }
    let timeout = test.timeout_ms.map_or(bench.granted.test_timeout, Duration::from_millis);
    let mut command = bench.command(place, &test.argv, timeout.min(bench.granted.test_timeout));
    command.stdin = test.stdin.clone().into_bytes();
    command.limits.captured_bytes = captured_bytes(test);
    let outcome = bench.sandbox.run(&command, bench.cancel).await?;
    bench.check_canceled()?;
    let (status, verdict, message) = match judge(test, bench.plan.comparison(test), &outcome) {
        Ok(()) => (Status::Completed, Verdict::Passed, None),
        Err((status, message)) => (status, Verdict::Failed, Some(message)),
    };
    Ok(TestReport::new(&test.name, status, verdict, message.as_deref()).lasting(outcome.wall.as_secs_f64()))
}

fn judge(test: &CommandTest, how: Comparison, outcome: &Outcome) -> Result<(), (Status, String)> {
    match outcome.exit {
        Exit::Exited(code) if code == test.exit_code => {}
        Exit::Exited(code) => {
            let stderr = shown(&outcome.stderr.text());
            let message = format!("exit status {code} instead of {}\n{stderr}", test.exit_code);
            return Err((Status::Completed, message.trim_end().to_owned()));
        }
        Exit::TimedOut => return Err((Status::TimedOut, "it did not end in time".to_owned())),
        _ => return Err((Status::Crashed, ending(outcome))),
    }
    match &test.stdout {
        None => Ok(()),
        Some(expected) => {
            compare(expected, how, &outcome.stdout).map_err(|message| (Status::Completed, message))
        }
    }
}

/// Enough to compare with what is expected, and to see that there is more.
fn captured_bytes(test: &CommandTest) -> usize {
    let expected = match &test.stdout {
        Some(Expected::Exact(text) | Expected::Contains(text)) => text.len(),
        None => 0,
    };
    Limits::default().captured_bytes.max(expected.saturating_mul(2))
}

/// What a student reads of how a process ended.
pub(super) fn ending(outcome: &Outcome) -> String {
    match &outcome.detail {
        Some(detail) => format!("{} ({detail})", describe(outcome.exit)),
        None => describe(outcome.exit),
    }
}

/// The same without what only the sandbox knows.
pub(super) fn describe(exit: Exit) -> String {
    match exit {
        Exit::Exited(code) => format!("the program ended the tests with exit status {code}"),
        Exit::Signaled(signal) => format!("the program was ended by signal {signal}"),
        Exit::TimedOut => "it did not end in time".to_owned(),
        Exit::OutputLimit => "it wrote too much output".to_owned(),
        Exit::MemoryLimit => "it used too much memory".to_owned(),
        Exit::ProcessLimit => "it started too many processes".to_owned(),
        Exit::DiskLimit => "it wrote too many or too large files".to_owned(),
        Exit::Canceled => "it was canceled".to_owned(),
    }
}

fn shown(text: &str) -> String {
    match text.len() {
        0..=SHOWN_BYTES_MAX => text.to_owned(),
        _ => format!("{} […]", &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]),
    }
}
