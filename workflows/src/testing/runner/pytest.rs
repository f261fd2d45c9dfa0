//! Tests written for pytest.
//!
//! First the tests are listed with the reference's files alone. Then processes run them until each has a result: one
//! is enough if all goes well. A test that hangs or takes its process down has failed, and another process goes on
//! with those after it, so that it costs the student that test and no other.
//!
//! A submission that does not pass may be the reference's fault. Before a student is told so, the tests run once more
//! with the solution, all of which have to pass; without a solution they are listed once more.
//!
//! The student's code runs in the process that tells the results, and can do there whatever the tests can. It does not
//! see the nonce, the tests lie read-only over its files, its configuration is not taken along, and a process that
//! ends early has told nothing. Each test runs a second time as a canary that has to fail, before or after by lot, so
//! that whoever makes everything pass, or tells results of his own, is found out by a process that he has no hold of.
//! Code written against this very runner, which reads the lots out of the interpreter's memory, can still lie, and an
//! object that says to be equal to everything needs no lie at all. Where that matters, compare from outside: the
//! runners `command` and `junit` can start the student's program as a process of its own.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
    pin::pin,
    time::Duration,
};

use ctutor_sandbox::{Exit, Outcome};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use super::{
    Listener,
    command::ending,
    not_run, running,
    session::{Session, Step, file_of},
    tail,
};
use crate::testing::{
    Broken,
    bench::{Bench, Place, Whose},
    report::{Status, TestReport, Verdict},
};

const PROBE: &str = include_str!("pytest_probe.py");
/// An own file, because pytest would otherwise look for one among the student's.
const INI: &str = "[pytest]\n";
/// How long the interpreter and pytest may take to start, on a machine that is busy.
const START_TIMEOUT: Duration = Duration::from_secs(30);

const NAMES_SHOWN_MAX: usize = 10;

/// What a process is asked to do.
struct Orders<'a> {
    mode: &'static str,
    paths: Vec<&'a str>,
    wanted: &'a [String],
    whose: Whose,
    test_timeout: Duration,
    /// When the time for all tests is used up.
    until: Instant,
}

/// How a process ended.
struct Ended {
    session: Session,
    outcome: Outcome,
    overdue: bool,
    /// What it said at its end.
    words: String,
}

/// What the tests gave with somebody's files.
struct Ran {
    reports: Vec<TestReport>,
    /// Tests that were listed before and are not there now.
    unlisted: Vec<String>,
}

pub(super) async fn list(bench: &Bench<'_>) -> Result<Vec<String>, Broken> {
    if !bench.has_tests() {
        return Err(Broken::NoTests);
    }
    let orders = Orders {
        mode: "list",
        paths: vec![bench.plan.tests.as_str()],
        wanted: &[],
        whose: Whose::Reference,
        test_timeout: START_TIMEOUT,
        until: Instant::now() + bench.granted.total_timeout,
    };
    let Ended { session, outcome, words, .. } = run_process(bench, &orders, &mut |_, _| {}).await?;
    if let Some(program) = session.missing {
        return Err(Broken::RunnerMissing { program });
    }
    if outcome.exit == Exit::Exited(127) {
        return Err(Broken::RunnerMissing { program: "python3".to_owned() });
    }
    if let Some((file, message)) = session.load_failures.iter().next() {
        return Err(Broken::Listing { message: format!("`{file}`: {message}") });
    }
    if session.tampered {
        return Err(Broken::Listing { message: "they change pytest itself".to_owned() });
    }
    let tests = match session.listed {
        Some(tests) if tests.is_empty() => return Err(Broken::NoTests),
        Some(tests) => tests,
        // Pytest does not come as far as a list when there is nothing to put on it.
        None if session.finished == Some(5) => return Err(Broken::NoTests),
        None => {
            return Err(Broken::Listing { message: format!("{}\n{words}", ending(&outcome)) });
        }
    };
    let mut seen = HashSet::new();
    match tests.iter().find(|test| !seen.insert(*test)) {
        Some(test) => Err(Broken::Listing { message: format!("`{test}` is listed twice") }),
        None => Ok(tests),
    }
}

pub(super) async fn run(
    bench: &Bench<'_>,
    names: Vec<String>,
    listener: Listener<'_>,
) -> Result<Vec<TestReport>, Broken> {
    let until = Instant::now() + bench.remaining();
    let ran = run_with(bench, Whose::Student, &names, until, listener).await?;
    let all_passed = ran.reports.iter().all(|report| report.result == Verdict::Passed);
    if bench.plan.solution.is_some() && !all_passed {
        check_solution(bench, &names).await?;
    } else if !ran.unlisted.is_empty() {
        check_names(&ran.unlisted, &list(bench).await?)?;
    }
    Ok(ran.reports)
}

/// Runs all tests with the solution. The time that they take is not the student's.
async fn check_solution(bench: &Bench<'_>, names: &[String]) -> Result<(), Broken> {
    let until = Instant::now() + bench.granted.total_timeout;
    let ran = run_with(bench, Whose::Reference, names, until, &mut |_| {}).await?;
    check_names(&ran.unlisted, &[])?;
    let fault = ran.reports.into_iter().find(|report| report.result != Verdict::Passed);
    match fault {
        Some(TestReport { name: test, result, result_message, .. }) => {
            let verdict = if result == Verdict::Skipped { "it was skipped" } else { "it failed" };
            let message = result_message.map_or_else(String::new, |message| format!(": {message}"));
            Err(Broken::Solution { test, message: format!("{verdict}{message}") })
        }
        None => Ok(()),
    }
}

/// Refuses tests whose names are others each time, as those of random parameters are.
fn check_names(unlisted: &[String], again: &[String]) -> Result<(), Broken> {
    let gone: Vec<String> =
        unlisted.iter().filter(|name| !again.contains(name)).map(|name| format!("`{name}`")).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let shown = gone[..gone.len().min(NAMES_SHOWN_MAX)].join(", ");
    let message = format!("{} of them are not there a second time: {shown}", gone.len());
    Err(Broken::Listing { message })
}

async fn run_with(
    bench: &Bench<'_>,
    whose: Whose,
    names: &[String],
    until: Instant,
    listener: Listener<'_>,
) -> Result<Ran, Broken> {
    let mut reports: HashMap<String, TestReport> = HashMap::with_capacity(names.len());
    let mut unlisted = BTreeSet::new();
    listener(running(0, names.len(), None));
    loop {
        let remaining: Vec<String> =
            names.iter().filter(|name| !reports.contains_key(*name)).cloned().collect();
        if remaining.is_empty() || Instant::now() >= until {
            break;
        }
        let files: BTreeSet<&str> = remaining.iter().map(|test| file_of(test)).collect();
        let orders = Orders {
            mode: "run",
            paths: files.into_iter().collect(),
            wanted: &remaining,
            whose,
            test_timeout: bench.granted.test_timeout,
            until,
        };
        let before = reports.len();
        let mut on_step = |done: usize, current: Option<&str>| {
            listener(running(before + done, names.len(), current));
        };
        let ended = run_process(bench, &orders, &mut on_step).await?;
        unlisted.extend(ended.session.unlisted());
        reports.extend(conclude(&orders, ended)?);
    }
    listener(running(names.len(), names.len(), None));
    let reports = names.iter().map(|name| reports.remove(name).unwrap_or_else(|| not_run(name))).collect();
    Ok(Ran { reports, unlisted: unlisted.into_iter().collect() })
}

/// What a process has settled: at least one test.
fn conclude(orders: &Orders<'_>, ended: Ended) -> Result<HashMap<String, TestReport>, Broken> {
    let Ended { session, outcome, overdue, words } = ended;
    if let Some(program) = session.missing {
        return Err(Broken::RunnerMissing { program });
    }
    if outcome.exit == Exit::TimedOut && !overdue && Instant::now() >= orders.until {
        // The time for all was used up; the test that ran then is as much to blame as those before it.
        return Ok(session.settle_late(orders.wanted));
    }
    let (status, reason) = if overdue {
        let seconds = orders.test_timeout.as_secs_f64();
        (Status::TimedOut, format!("it did not end within {seconds} s"))
    } else if outcome.exit == Exit::TimedOut {
        (Status::TimedOut, ending(&outcome))
    } else {
        (Status::Crashed, format!("{}\n{words}", ending(&outcome)).trim_end().to_owned())
    };
    Ok(session.settle(orders.wanted, status, &reason))
}

async fn run_process(
    bench: &Bench<'_>,
    orders: &Orders<'_>,
    on_step: &mut (dyn FnMut(usize, Option<&str>) + Send),
) -> Result<Ended, Broken> {
    let mut session = Session::new(orders.wanted);
    let place = bench.place(orders.whose)?;
    let command = prepare(bench, orders, &place, &session)?;
    let stop = bench.cancel.child_token();
    let (next, deadline) = watch::channel(Instant::now() + START_TIMEOUT);
    let mut on_line = |line: ctutor_sandbox::Line<'_>| {
        let before = (session.done.len(), session.current_test().map(str::to_owned));
        let step = session.read(line.bytes);
        if step == Step::Began {
            next.send_replace(Instant::now() + orders.test_timeout);
        }
        let current = session.current_test();
        if session.done.len() > before.0 || (current.is_some() && current != before.1.as_deref()) {
            on_step(session.done.len(), current);
        }
    };
    let mut overdue = false;
    let outcome = {
        let mut process = pin!(bench.sandbox.run_with_lines(&command, &stop, &mut on_line));
        tokio::select! {
            outcome = &mut process => outcome,
            () = passed(deadline) => {
                overdue = true;
                stop.cancel();
                process.await
            }
        }
    }?;
    bench.check_canceled()?;
    // Where a worker keeps its files is nobody's business.
    let words = tail(&outcome.stderr).replace(&*place.path.to_string_lossy(), ".");
    Ok(Ended { session, outcome, overdue, words })
}

fn prepare(
    bench: &Bench<'_>,
    orders: &Orders<'_>,
    place: &Place,
    session: &Session,
) -> Result<ctutor_sandbox::Command, Broken> {
    let probe = bench.tool("probe.py", PROBE)?;
    let ini = bench.tool("pytest.ini", INI)?;
    let argv = ["python3".to_owned(), "-I".to_owned(), "-B".to_owned(), probe.display().to_string()];
    let wall = orders.until.saturating_duration_since(Instant::now());
    let mut command = bench.command(place, &argv, wall);
    command.limits.wall = wall;
    command.binds.extend([probe, ini.clone()].map(ctutor_sandbox::Bind::ReadOnly));
    command.env.insert("PYTEST_DISABLE_PLUGIN_AUTOLOAD".into(), "1".into());
    command.env.insert("PYTHONHASHSEED".into(), "0".into());
    let text = json!({
        "nonce": session.nonce,
        "mode": orders.mode,
        "ini": ini,
        "paths": orders.paths,
        "wanted": orders.wanted,
        "canary_first": session.canary_first(),
        "absent": absent(bench, &place.path),
        "stand_ins": stand_ins(bench, orders.whose),
    });
    command.stdin = format!("{text}\n").into_bytes();
    Ok(command)
}

/// The modules that the student should have handed in and has not, with their files.
fn absent(bench: &Bench<'_>, place: &Path) -> HashMap<String, String> {
    let is_there = |pattern: &str| {
        let path = place.join(pattern);
        if pattern.ends_with(".py") { path.is_file() } else { path.exists() }
    };
    let module = |pattern: &str| {
        let file = pattern.trim_end_matches('/');
        (file.strip_suffix(".py").unwrap_or(file).replace('/', "."), file.to_owned())
    };
    let patterns = bench.plan.student_files.iter().map(String::as_str);
    patterns.filter(|pattern| !pattern.contains('*') && !is_there(pattern)).map(module).collect()
}

/// Which modules are stood in for: none, these, or any that cannot be found.
fn stand_ins(bench: &Bench<'_>, whose: Whose) -> serde_json::Value {
    if whose == Whose::Student || bench.plan.solution.is_some() {
        return json!(false);
    }
    let names: Option<Vec<&str>> = bench
        .plan
        .student_files
        .iter()
        .map(|pattern| {
            let file = pattern.trim_end_matches('/').rsplit('/').next()?;
            let module = file.strip_suffix(".py").unwrap_or(file);
            (!pattern.contains('*')).then_some(module)
        })
        .collect();
    json!(names)
}

/// Returns when the deadline has passed without having been moved.
async fn passed(mut deadline: watch::Receiver<Instant>) {
    loop {
        let until = *deadline.borrow_and_update();
        if tokio::time::timeout_at(until, deadline.changed()).await.is_err() {
            return;
        }
    }
}
