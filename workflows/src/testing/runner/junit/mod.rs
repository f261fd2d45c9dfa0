//! A command that runs tests of any framework and writes JUnit XML.
//!
//! It runs twice, first with the solution of the reference: the tests are those that it reports then. Each of them has
//! to pass or to be skipped; if one fails, nothing is concluded about students. What is skipped then does not count.
//! The second run is with the student's files. A test that is skipped or not reported then has failed, and one that is
//! new does not count, so that a submission can make the tests neither fewer nor more.
//!
//! The whole command has the time for all tests, each time. A hang costs every test that is not in the report when it is
//! stopped, which for most frameworks is every test: they write at the end. The runner `pytest` loses one test only.
//!
//! The student's code runs inside the process that writes the report, and no nonce protects the report. No file of a
//! submission can lie where the report will be, and links are not followed. The framework writes when the student's code
//! has returned, over whatever lay there. A test that is reported more often than with the solution has failed. A report
//! without any failure is not believed when the command failed. Code that writes a perfect report and exits with status
//! 0 is believed, and a process of the student's program runs as the same user. The runner `command` has neither fault.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use ctutor_sandbox::{Exit, StartFailure};

use super::{
    Listener, Test, because,
    command::{check_installed, check_start, untaken},
    ending::{SHOWN_BYTES_MAX, beginning, describe, not_started, told},
    left_out, refuse_skip, running,
};
use crate::testing::{
    Broken,
    bench::{Bench, Whose},
    junit::{Case, Collected, collect},
    paths::Hidden,
    plan::JunitCommand,
    report::{Status, TestReport, Verdict},
};

const EXIT_HINT: &str = "; a call of `exit` or `System.exit` in it may be why";

/// The result of running the command once.
#[derive(Debug)]
struct Ran {
    collected: Collected,
    exit: Exit,
    not_started: Option<StartFailure>,
    /// Why it ended so, where the exit does not say it.
    detail: Option<String>,
    /// The time that it had.
    time: Duration,
    /// The beginnings and the ends of its outputs; empty if it wrote nothing.
    output: String,
}

impl Ran {
    /// How it ended, in one sentence.
    fn ending(&self) -> String {
        if let Some(failure) = &self.not_started {
            return format!("the command of the tests could not be started: {failure}");
        }
        let ending = match (self.exit, &self.detail) {
            (Exit::TimedOut, None) => {
                format!("the command did not end within {} s", self.time.as_secs_f64())
            }
            (exit, _) => describe(exit),
        };
        because(&ending, self.detail.as_deref().unwrap_or_default())
    }

    /// How it ended, where nothing in the report says why it has no more tests.
    fn early_ending(&self) -> String {
        match self.exit {
            Exit::Exited(code) if self.not_started.is_none() => {
                let ending = format!(
                    "the program ended by itself with exit status {code} before all tests were through"
                );
                // Whoever wrote the call may not know that it ends the tests, too.
                let hint = if code == 0 { EXIT_HINT } else { "" };
                because(&(ending + hint), self.detail.as_deref().unwrap_or_default())
            }
            _ => self.ending(),
        }
    }
}

pub(super) async fn list(bench: &Bench<'_>) -> Result<Vec<Test>, Broken> {
    let command = command_of(bench)?;
    check_installed(bench, command.argv.first().into_iter()).await?;
    let ran = run_command(bench, command, Whose::Reference).await?;
    listed(&ran).map_err(|fault| match fault {
        Broken::Listing { message } => Broken::Listing { message: message + &untaken(bench, &command.argv) },
        fault => fault,
    })
}

pub(super) async fn run(
    bench: &Bench<'_>,
    tests: &[Test],
    listener: Listener<'_>,
) -> Result<Vec<TestReport>, Broken> {
    listener(running(0, tests.len(), None));
    let command = command_of(bench)?;
    let ran = run_command(bench, command, Whose::Student).await?;
    if let (Some(failure), Some(test)) = (&ran.not_started, tests.first()) {
        check_start(bench, &test.name, &command.argv, failure)?;
    }
    let reports = judged(tests, &ran);
    listener(running(tests.len(), tests.len(), None));
    Ok(reports)
}

fn command_of<'a>(bench: &Bench<'a>) -> Result<&'a JunitCommand, Broken> {
    bench.plan.junit.as_ref().ok_or_else(|| Broken::Plan { message: "`junit` is missing".to_owned() })
}

async fn run_command(bench: &Bench<'_>, junit: &JunitCommand, whose: Whose) -> Result<Ran, Broken> {
    let place = bench.place(whose)?;
    let mut command = bench.command(&place, &junit.argv, bench.granted.total_timeout);
    // The time that the solution took is not the student's.
    command.limits.wall = bench.granted.total_timeout;
    let outcome = bench.run(&command).await?;
    let collected = collect_hidden(place.path.clone(), place.hidden.clone(), junit.report.clone()).await?;
    let output = bench.last_output(&place, &outcome, None);
    // The limit of the time is told as a part of the sentence.
    let is_told = outcome.exit == Exit::TimedOut && outcome.cause.is_none();
    Ok(Ran {
        collected,
        exit: outcome.exit,
        not_started: not_started(&outcome).cloned(),
        detail: outcome.detail.filter(|_| !is_told),
        time: command.limits.wall,
        output,
    })
}

/// Reads the reports on a thread of its own: they are large if a submission wants them to be.
async fn collect_hidden(path: PathBuf, hidden: Hidden, pattern: String) -> Result<Collected, Broken> {
    let read = move || {
        let mut collected = collect(&path, &pattern);
        // Some frameworks name tests by the paths of their files, which are others in each folder.
        for case in &mut collected.cases {
            case.name = hidden.hide(&case.name);
            case.message = case.message.as_ref().map(|message| hidden.hide(message));
        }
        for fault in collected.faults.iter_mut().chain(&mut collected.unknown) {
            *fault = hidden.hide(fault);
        }
        collected
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other);
    read.map_err(Broken::files("reading the reports"))
}

/// The tests, each of which has passed or is left out.
fn listed(ran: &Ran) -> Result<Vec<Test>, Broken> {
    let Collected { cases, faults, unknown } = &ran.collected;
    let broken = |message: &str| {
        let reason = format!("with the solution, {message}; {}", ran.ending());
        Err(Broken::Listing { message: told(&reason, &ran.output) })
    };
    if let Some(fault) = faults.first().or(unknown.as_ref()) {
        return broken(fault);
    }
    if cases.is_empty() {
        return broken("the report has no test");
    }
    let mut seen = HashMap::new();
    let mut tests = Vec::with_capacity(cases.len());
    for case in cases {
        let number: &mut usize = seen.entry(case.name.as_str()).or_default();
        let name = numbered(&case.name, *number);
        *number += 1;
        let message = case.message.as_deref().unwrap_or_default();
        tests.push(match case.verdict {
            Verdict::Passed => Test::new(name),
            Verdict::Skipped => Test::left_out(name, because("it is skipped with the solution", message)),
            Verdict::Failed => {
                let reason = || {
                    told(
                        &format!("it failed, and the report does not say why; {}", ran.ending()),
                        &ran.output,
                    )
                };
                let message = if message.is_empty() { reason() } else { because("it failed", message) };
                return Err(Broken::Solution { test: name, message });
            }
        });
    }
    if !ran.exit.is_success() {
        return broken("the command failed, although no test did");
    }
    Ok(tests)
}

/// A report for each of the tests.
fn judged(tests: &[Test], ran: &Ran) -> Vec<TestReport> {
    let found = Found::new(tests, &ran.collected.cases);
    if let Some(doubt) = doubt(tests, &found, ran) {
        return tests
            .iter()
            .map(|test| match &test.left_out {
                Some(reason) => left_out(&test.name, reason),
                None => failed(&test.name, Status::Crashed, &doubt),
            })
            .collect();
    }
    let (status, reason) = why_missing(tests, &found, ran);
    let report = |test: &Test| match (&test.left_out, found.cases.get(&test.name)) {
        (Some(reason), _) => left_out(&test.name, reason),
        (None, Some(case)) => refuse_skip(reported(&test.name, case, ran)),
        (None, None) => match found.surplus.get(&test.name) {
            Some(reason) => failed(&test.name, Status::Crashed, reason),
            // Which of its tests took the time of a command that was stopped is not known.
            None if status == Status::TimedOut => {
                failed(&test.name, status, &reason).lasting(ran.time.as_secs_f64())
            }
            None => failed(&test.name, status, &reason),
        },
    };
    tests.iter().map(report).collect()
}

/// The cases of a report by the names of the tests.
#[derive(Debug, Default)]
struct Found<'a> {
    cases: HashMap<String, &'a Case>,
    /// Those that are reported too often, so that it is unknown which report counts, with that in words.
    surplus: HashMap<String, String>,
    /// Tests that the solution does not have.
    unknown: Vec<&'a Case>,
}

impl<'a> Found<'a> {
    fn new(tests: &[Test], cases: &'a [Case]) -> Self {
        let wanted: HashSet<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        let mut by_name: HashMap<&str, Vec<&Case>> = HashMap::new();
        let mut found = Self::default();
        for case in cases {
            if !case.of_suite && wanted.contains(case.name.as_str()) {
                by_name.entry(&case.name).or_default().push(case);
            } else {
                found.unknown.push(case);
            }
        }
        for (name, cases) in by_name {
            let expected =
                (0..).map(|number| numbered(name, number)).take_while(|name| wanted.contains(name.as_str()));
            let expected: Vec<String> = expected.collect();
            if cases.len() > expected.len() {
                let reason = surplus(&cases, expected.len());
                found.surplus.extend(expected.into_iter().map(|name| (name, reason.clone())));
            } else {
                found.cases.extend(expected.into_iter().zip(cases));
            }
        }
        found
    }
}

/// Why a report in which every test passed is not believed.
fn doubt(tests: &[Test], found: &Found<'_>, ran: &Ran) -> Option<String> {
    // A program that hangs at its end has still run the tests.
    if ran.exit.is_success() || ran.exit == Exit::TimedOut {
        return None;
    }
    let has_passed =
        |test: &&Test| found.cases.get(&test.name).is_some_and(|case| case.verdict == Verdict::Passed);
    let mut counted = tests.iter().filter(|test| test.left_out.is_none());
    let nothing_failed = ran.collected.cases.iter().all(|case| case.verdict != Verdict::Failed);
    (nothing_failed && counted.all(|test| has_passed(&test)))
        .then(|| told(&format!("the report says that every test passed, but {}", ran.ending()), &ran.output))
}

/// A test that is reported more often than expected, with what the reports say.
fn surplus(cases: &[&Case], expected: usize) -> String {
    const SHOWN_MAX: usize = 5;

    let verdicts = cases.iter().take(SHOWN_MAX).map(|case| match case.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
    });
    let mut verdicts = verdicts.collect::<Vec<_>>().join(", ");
    if cases.len() > SHOWN_MAX {
        verdicts.push_str(", …");
    }
    let count = cases.len();
    let failure =
        cases.iter().filter(|case| case.verdict == Verdict::Failed).find_map(|case| case.message.as_ref());
    let failure = failure.map_or_else(String::new, |message| format!("\n{message}"));
    format!(
        "it is in the report more often than with the solution: {count} times ({verdicts}) instead of {expected}{failure}"
    )
}

/// What is said of the tests that are not in the report.
fn why_missing(tests: &[Test], found: &Found<'_>, ran: &Ran) -> (Status, String) {
    let status = if ran.exit == Exit::TimedOut { Status::TimedOut } else { Status::Crashed };
    let mut reasons = vec![match found.cases.len() {
        0 => "it is not in the report".to_owned(),
        count => format!("it is not in the report, which has {count} of {} tests", tests.len()),
    }];
    // Files that cannot be loaded are reported under names of their own.
    let failure = found.unknown.iter().find(|case| case.verdict == Verdict::Failed);
    let ending = if failure.is_some() { ran.ending() } else { ran.early_ending() };
    reasons.push(ending);
    reasons.extend(ran.collected.faults.first().cloned());
    // A report is cut off because a command was ended, and may be why it ended by itself.
    if matches!(ran.exit, Exit::Exited(_)) && ran.not_started.is_none() {
        reasons[1..].reverse();
    }
    let failure = failure.map_or_else(String::new, |case| {
        let reason = case.message.as_deref().unwrap_or("it failed");
        let shown = beginning(reason, SHOWN_BYTES_MAX);
        let mark = if shown.len() < reason.len() { " […]" } else { "" };
        format!("\n{}: {shown}{mark}", case.name)
    });
    (status, told(&(reasons.join("; ") + &failure), &ran.output))
}

fn reported(name: &str, case: &Case, ran: &Ran) -> TestReport {
    let status = if case.verdict == Verdict::Skipped { Status::Skipped } else { Status::Completed };
    let reason = match (&case.message, case.verdict) {
        (None, Verdict::Failed) => Some(told("it failed, and the report does not say why", &ran.output)),
        (message, _) => message.clone(),
    };
    TestReport::new(name, status, case.verdict, reason.as_deref()).lasting(case.seconds)
}

fn failed(name: &str, status: Status, message: &str) -> TestReport {
    TestReport::new(name, status, Verdict::Failed, Some(message))
}

/// Names that occur more than once are told apart by their order.
fn numbered(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name} [{}]", number + 1) }
}

#[cfg(test)]
mod tests;
