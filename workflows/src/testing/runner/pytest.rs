//! Tests written for pytest.
//!
//! First the tests are listed with the reference's files alone. Then processes run them until each has a result: one
//! is enough if all goes well. A test that hangs or takes its process down has failed, and another process goes on
//! with those after it, so that it costs the student that test and no other.
//!
//! The student's code runs in the process that tells the results; it is kept from forging them only as far as Python
//! allows. It does not see the nonce, the tests lie read-only over its files, its configuration is not taken along,
//! and a process that ends early has told nothing. Code that searches the interpreter's memory could still lie.

use std::{
    collections::{BTreeSet, HashMap},
    pin::pin,
    time::Duration,
};

use ctutor_sandbox::{Exit, Outcome};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use super::{
    Listener,
    command::describe,
    not_run, running,
    session::{Current, Session, Step, file_of},
    tail,
};
use crate::testing::{
    Broken,
    bench::{Bench, Whose},
    report::{Status, TestReport, Verdict},
};

const PROBE: &str = include_str!("pytest_probe.py");
/// An own file, because pytest would otherwise look for one among the student's.
const INI: &str = "[pytest]\n";
/// How long the interpreter and pytest may take to start, on a machine that is busy.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What a process is asked to do.
struct Orders<'a> {
    mode: &'static str,
    paths: Vec<&'a str>,
    wanted: &'a [String],
    whose: Whose,
    test_timeout: Duration,
}

/// How a process ended.
struct Ended {
    session: Session,
    outcome: Outcome,
    overdue: bool,
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
    };
    let Ended { session, outcome, .. } = run_process(bench, &orders, &mut |_, _| {}).await?;
    if let Some(program) = session.missing {
        return Err(Broken::RunnerMissing { program });
    }
    if outcome.exit == Exit::Exited(127) {
        return Err(Broken::RunnerMissing { program: "python3".to_owned() });
    }
    if let Some((file, message)) = session.load_failures.iter().next() {
        return Err(Broken::Listing { message: format!("`{file}`: {message}") });
    }
    match session.listed {
        Some(tests) if tests.is_empty() => Err(Broken::NoTests),
        Some(tests) => Ok(tests),
        // Pytest does not come as far as a list when there is nothing to put on it.
        None if session.finished == Some(5) => Err(Broken::NoTests),
        None => {
            Err(Broken::Listing { message: format!("{}\n{}", describe(outcome.exit), tail(&outcome.stderr)) })
        }
    }
}

pub(super) async fn run(
    bench: &Bench<'_>,
    names: Vec<String>,
    listener: Listener<'_>,
) -> Result<Vec<TestReport>, Broken> {
    let mut reports: HashMap<String, TestReport> = HashMap::with_capacity(names.len());
    listener(running(0, names.len(), None));
    loop {
        let remaining: Vec<String> =
            names.iter().filter(|name| !reports.contains_key(*name)).cloned().collect();
        if remaining.is_empty() || bench.remaining().is_zero() {
            break;
        }
        let files: BTreeSet<&str> = remaining.iter().map(|test| file_of(test)).collect();
        let orders = Orders {
            mode: "run",
            paths: files.into_iter().collect(),
            wanted: &remaining,
            whose: Whose::Student,
            test_timeout: bench.granted.test_timeout,
        };
        let before = reports.len();
        let mut on_step = |done: usize, current: Option<&str>| {
            listener(running(before + done, names.len(), current));
        };
        let ended = run_process(bench, &orders, &mut on_step).await?;
        reports.extend(conclude(bench, ended, &remaining)?);
    }
    listener(running(names.len(), names.len(), None));
    Ok(names.iter().map(|name| reports.remove(name).unwrap_or_else(|| not_run(name))).collect())
}

/// What a process has settled: at least one test.
fn conclude(
    bench: &Bench<'_>,
    ended: Ended,
    remaining: &[String],
) -> Result<HashMap<String, TestReport>, Broken> {
    let Ended { session, outcome, overdue } = ended;
    if let Some(program) = session.missing {
        return Err(Broken::RunnerMissing { program });
    }
    if outcome.exit == Exit::TimedOut && !overdue && bench.remaining().is_zero() {
        // The time for all was used up; the test that ran then is as much to blame as those before it.
        return Ok(session.settle_late(remaining));
    }
    let (status, reason) = if overdue {
        let seconds = bench.granted.test_timeout.as_secs_f64();
        (Status::TimedOut, format!("it did not end within {seconds} s"))
    } else if outcome.exit == Exit::TimedOut {
        (Status::TimedOut, describe(outcome.exit))
    } else {
        (
            Status::Crashed,
            format!("{}\n{}", describe(outcome.exit), tail(&outcome.stderr)).trim_end().to_owned(),
        )
    };
    Ok(session.settle(remaining, status, &reason))
}

async fn run_process(
    bench: &Bench<'_>,
    orders: &Orders<'_>,
    on_step: &mut (dyn FnMut(usize, Option<&str>) + Send),
) -> Result<Ended, Broken> {
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let mut session = Session::new(nonce.clone(), orders.wanted);
    let command = prepare(bench, orders, &nonce)?;
    let stop = bench.cancel.child_token();
    let (next, deadline) = watch::channel(Instant::now() + START_TIMEOUT);
    let mut on_line = |line: ctutor_sandbox::Line<'_>| {
        let before = session.done.len();
        let step = session.read(line.bytes);
        if step == Step::Began {
            next.send_replace(Instant::now() + orders.test_timeout);
        }
        let current = match &session.current {
            Some(Current::Test(test)) => Some(test.as_str()),
            _ => None,
        };
        if session.done.len() > before || (step == Step::Began && current.is_some()) {
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
    Ok(Ended { session, outcome, overdue })
}

fn prepare(bench: &Bench<'_>, orders: &Orders<'_>, nonce: &str) -> Result<ctutor_sandbox::Command, Broken> {
    let probe = bench.tool("probe.py", PROBE)?;
    let ini = bench.tool("pytest.ini", INI)?;
    let place = bench.place(orders.whose)?;
    let argv = ["python3".to_owned(), "-I".to_owned(), "-B".to_owned(), probe.display().to_string()];
    let mut command = bench.command(&place, &argv, bench.remaining());
    command.binds.extend([probe, ini.clone()].map(ctutor_sandbox::Bind::ReadOnly));
    command.env.insert("PYTEST_DISABLE_PLUGIN_AUTOLOAD".into(), "1".into());
    command.env.insert("PYTHONHASHSEED".into(), "0".into());
    let text = json!({
        "nonce": nonce,
        "mode": orders.mode,
        "ini": ini,
        "paths": orders.paths,
        "wanted": orders.wanted,
        "stand_ins": stand_ins(bench, orders.whose),
    });
    command.stdin = format!("{text}\n").into_bytes();
    Ok(command)
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

impl Session {
    /// The time for all tests is over: what was running failed by it, the rest was not run.
    fn settle_late(mut self, remaining: &[String]) -> HashMap<String, TestReport> {
        if let Some(Current::Test(test)) = self.current.take() {
            let message = "it ran when the time for all tests was used up";
            let report = TestReport::new(&test, Status::TimedOut, Verdict::Failed, Some(message));
            self.done.entry(test).or_insert(report);
        }
        for test in remaining {
            self.done.entry(test.clone()).or_insert_with(|| not_run(test));
        }
        self.done
    }
}
