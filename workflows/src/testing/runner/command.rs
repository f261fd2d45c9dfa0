//! Commands with what they should do. They share one folder, so that an early one may compile for the later ones.
//!
//! A submission that does not pass may be the reference's fault: with a solution, the commands then run with it too,
//! and all of them have to pass. Without one, only a program that no submission can bring along is known to be the
//! worker's or the reference's fault.

use std::{path::Path, time::Duration};

use ctutor_sandbox::{Captured, Exit, Outcome, StartFailure, StartReason};

pub(super) use super::ending::ending;
use super::{
    Listener,
    ending::{last_of, not_started, told},
    not_run, running,
};
use crate::testing::{
    Broken,
    bench::{Bench, Place, Whose},
    budget::Budget,
    compare::compare,
    paths::Hidden,
    plan::{CommandTest, Expected},
    report::{Status, TestReport, Verdict},
};

/// Prints each program that is neither a file nor in the folders of `PATH`. A shell's own commands do not count: no
/// shell is involved when a command runs.
const FIND: &str = r#"for program; do
    found=
    case $program in
    */*) [ -f "$program" ] && [ -x "$program" ] && found=1 ;;
    *) IFS=:; for folder in $PATH; do [ -f "$folder/$program" ] && [ -x "$folder/$program" ] && found=1; done ;;
    esac
    [ -n "$found" ] || echo "$program"
done"#;
const FIND_TIMEOUT: Duration = Duration::from_secs(30);
/// What a shell does not hand on to a program.
const SHELL_SIGNS: [&str; 12] = ["|", "||", "&", "&&", ";", "<", "<<", ">", ">>", "2>", "2>&1", "&>"];
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ksh", "zsh"];

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
    // A program in a folder of the test is one that the submission, the reference or an earlier command makes.
    let programs = programs.filter(|name| !name.contains('/') || name.starts_with('/'));
    let argv: Vec<String> =
        ["sh", "-c", FIND, "sh"].into_iter().map(str::to_owned).chain(programs.cloned()).collect();
    let place = bench.place(Whose::Reference)?;
    let outcome = bench.run(&bench.command(&place, &argv, FIND_TIMEOUT)).await?;
    if let Some(program) = outcome.stdout.text().lines().next() {
        return Err(Broken::RunnerMissing { program: program.to_owned() });
    }
    if outcome.exit.is_success() {
        return Ok(());
    }
    Err(match not_started(&outcome) {
        Some(failure) => Broken::RunnerMissing { program: failure.program.clone() },
        None => {
            Broken::Listing { message: told(&ending(&outcome), &bench.last_output(&place, &outcome, None)) }
        }
    })
}

pub(super) async fn run(bench: &Bench<'_>, listener: Listener<'_>) -> Result<Vec<TestReport>, Broken> {
    let reports = run_with(bench, Whose::Student, bench.remaining(), listener).await?;
    let all_passed = reports.iter().all(|report| report.result == Verdict::Passed);
    if bench.plan.solution.is_some() && !all_passed {
        check_solution(bench).await?;
    }
    Ok(reports)
}

/// Runs all commands with the solution. The time that they take is not the student's.
async fn check_solution(bench: &Bench<'_>) -> Result<(), Broken> {
    let reports = run_with(bench, Whose::Reference, bench.granted.total_timeout, &mut |_| {}).await?;
    match reports.into_iter().find(|report| report.result != Verdict::Passed) {
        Some(TestReport { name: test, result_message, .. }) => {
            let mut message = result_message.unwrap_or_default();
            let command = bench.plan.commands.iter().find(|command| command.name == test);
            message.push_str(&untaken(bench, command.map_or(&[], |command| &command.argv)));
            Err(Broken::Solution { test, message })
        }
        None => Ok(()),
    }
}

async fn run_with(
    bench: &Bench<'_>,
    whose: Whose,
    time: Duration,
    listener: Listener<'_>,
) -> Result<Vec<TestReport>, Broken> {
    let place = bench.place(whose)?;
    let tests = &bench.plan.commands;
    let budget = Budget::new(time);
    let mut reports = Vec::with_capacity(tests.len());
    // The first command that failed and that does nothing but prepare for others, as a compiler does.
    let mut unprepared: Option<&str> = None;
    for (number, test) in tests.iter().enumerate() {
        listener(running(number, tests.len(), Some(&test.name)));
        let remaining = budget.remaining();
        let report = if remaining.is_zero() {
            not_run(&test.name)
        } else {
            run_one(bench, &place, test, remaining, unprepared).await?
        };
        if report.result != Verdict::Passed && prepares(test) {
            unprepared = unprepared.or(Some(&test.name));
        }
        reports.push(report);
    }
    listener(running(tests.len(), tests.len(), None));
    Ok(reports)
}

/// Whether nothing is expected of a command but that it succeeds.
fn prepares(test: &CommandTest) -> bool {
    test.stdout.is_none() && test.stdin.is_empty() && test.exit_code == 0
}

async fn run_one(
    bench: &Bench<'_>,
    place: &Place,
    test: &CommandTest,
    remaining: Duration,
    unprepared: Option<&str>,
) -> Result<TestReport, Broken> {
    let tampered = |fault: &str| TestReport::new(&test.name, Status::Failed, Verdict::Failed, Some(fault));
    // What an earlier command left there would be bound, on the machine and as a file of the tests.
    if let Some(fault) = place.guard.fault() {
        return Ok(tampered(&fault));
    }
    let timeout = test.timeout_ms.map_or(bench.granted.test_timeout, Duration::from_millis);
    let timeout = timeout.min(bench.granted.test_timeout).min(remaining);
    let mut command = bench.command(place, &test.argv, timeout);
    command.limits.wall = timeout;
    command.stdin = test.stdin.clone().into_bytes();
    command.limits.captured_bytes = captured_bytes(test);
    let outcome = bench.run(&command).await;
    bench.check_canceled()?;
    if let Some(fault) = place.guard.fault() {
        return Ok(tampered(&match &outcome {
            Ok(outcome) => told(&fault, &bench.last_output(place, outcome, None)),
            Err(_) => fault,
        }));
    }
    let outcome = outcome?;
    if let Some(failure) = not_started(&outcome) {
        check_start(bench, &test.name, &test.argv, failure)?;
    }
    if let (Some(failure), Some(before)) = (not_started(&outcome), unprepared)
        && failure.reason == StartReason::NotFound
    {
        let message = format!("not run, because `{before}` failed before it: {failure}");
        return Ok(TestReport::new(&test.name, Status::Skipped, Verdict::Failed, Some(&message)));
    }
    let seconds = outcome.wall.as_secs_f64();
    let report = match judge(bench, place, test, &outcome) {
        Ok(()) => TestReport::new(&test.name, Status::Completed, Verdict::Passed, None),
        Err((status, mut message)) => {
            message.extend(shell_sign(&test.argv));
            // A program that ran and wrote something else was there.
            if let Some(before) = unprepared.filter(|_| self::status(outcome.exit) != Some(test.exit_code)) {
                message.push_str(&format!("\n(`{before}` failed before it, which may be the reason)"));
            }
            TestReport::new(&test.name, status, Verdict::Failed, Some(&message))
        }
    };
    Ok(report.lasting(seconds))
}

/// The output that is compared at least; `docs/test-plan.md` names it.
const COMPARED_BYTES: usize = 2 << 20;

/// Enough to compare with what is expected, and to see that there is more.
fn captured_bytes(test: &CommandTest) -> usize {
    let expected = match &test.stdout {
        Some(Expected::Exact(text) | Expected::Contains(text)) => text.len(),
        None => 0,
    };
    COMPARED_BYTES.max(expected.saturating_mul(2))
}

/// A program that could not be started is the student's fault only if it comes with the submission.
pub(super) fn check_start(
    bench: &Bench<'_>,
    test: &str,
    argv: &[String],
    failure: &StartFailure,
) -> Result<(), Broken> {
    let is_own = argv.first() == Some(&failure.program);
    if is_own && !bench.is_students(&failure.program) {
        return Err(Broken::NotStarted { test: test.to_owned(), reason: failure.clone() });
    }
    if let StartReason::InterpreterNotFound { .. } | StartReason::LibraryNotFound { .. } = failure.reason {
        tracing::warn!(test, "a submission needs what this worker does not have: {failure}");
    }
    Ok(())
}

fn judge(
    bench: &Bench<'_>,
    place: &Place,
    test: &CommandTest,
    outcome: &Outcome,
) -> Result<(), (Status, String)> {
    let told = |reason: &str| told(reason, &bench.last_output(place, outcome, None));
    if let Some(failure) = not_started(outcome) {
        return Err((Status::Completed, told(&failure.to_string())));
    }
    match outcome.exit {
        exit if status(exit) == Some(test.exit_code) => {}
        Exit::Exited(code) => {
            let mut reason = format!("exit status {code} instead of {}", test.exit_code);
            if let Some(detail) = &outcome.detail {
                reason = format!("{reason}: {detail}");
            }
            if let Some(hint) = windows_script(bench, test) {
                reason.push_str(&hint);
            }
            return Err((Status::Completed, told(&reason)));
        }
        Exit::TimedOut => return Err((Status::TimedOut, told(&ending(outcome)))),
        _ => return Err((Status::Crashed, told(&ending(outcome)))),
    }
    let Some(expected) = &test.stdout else { return Ok(()) };
    let how = bench.plan.comparison(test);
    if compare(expected, how, &outcome.stdout).is_ok() {
        return Ok(());
    }
    let message = match compare(expected, how, &without_paths(&outcome.stdout, &place.hidden)) {
        Ok(()) => "the output has the path of the folder where the test ran".to_owned(),
        Err(message) => message,
    };
    let message = match last_of("standard error", &outcome.stderr, &place.hidden) {
        Some(error_output) => format!("{message}\n\n{error_output}"),
        None => message,
    };
    Err((Status::Completed, message))
}

/// The exit status as a shell gives it: some programs end with that of a signal, and both look the same.
fn status(exit: Exit) -> Option<i32> {
    match exit {
        Exit::Exited(code) => Some(code),
        Exit::Signaled(signal) => Some(128 + signal),
        _ => None,
    }
}

fn without_paths(output: &Captured, hidden: &Hidden) -> Captured {
    let mut shown = Captured::default();
    shown.bytes = match std::str::from_utf8(&output.bytes) {
        Ok(text) => hidden.hide(text).into_bytes(),
        Err(_) => output.bytes.clone(),
    };
    shown.truncated = output.truncated;
    shown
}

/// A hint at files of the reference that a command names and that are not there when it runs.
pub(super) fn untaken(bench: &Bench<'_>, argv: &[String]) -> String {
    match bench.untaken(argv).as_slice() {
        [] => String::new(),
        files => format!(
            "\nthe reference has `{}`, but only what `reference_files` names is taken from it",
            files.join("`, `")
        ),
    }
}

/// Names a script of the submission that a shell reads wrong because of its line endings.
fn windows_script(bench: &Bench<'_>, test: &CommandTest) -> Option<String> {
    let (shell, arguments) = test.argv.split_first()?;
    let shell = Path::new(shell).file_name()?.to_str()?;
    let script = arguments.iter().find(|argument| bench.has_windows_lines(argument))?;
    SHELLS.contains(&shell).then(|| {
        format!(
            "; `{script}` has line endings of Windows (CR LF), and shells take the carriage return for a part of the \
             line: save it with Unix line endings (LF)"
        )
    })
}

/// A hint at an argument that a shell would have understood.
fn shell_sign(argv: &[String]) -> Option<String> {
    let sign = argv.iter().skip(1).find(|argument| SHELL_SIGNS.contains(&argument.as_str()))?;
    Some(format!(
        "\n(`{sign}` in `argv` is given to the program as an argument, since no shell is involved; a shell is started \
         with `[\"sh\", \"-c\", \"…\"]`)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_for_a_shell_is_told() {
        let told =
            |argv: &[&str]| shell_sign(&argv.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert!(told(&["python3", "m.py", "|", "sort"]).unwrap().starts_with("\n(`|` in `argv`"));
        assert_eq!(told(&["sh", "-c", "python3 m.py | sort"]), None);
    }
}
