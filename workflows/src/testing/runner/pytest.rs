//! Tests written for pytest.
//!
//! First the tests are listed with the reference's files alone. Then processes run them until each has a result: one
//! is enough if all goes well. A test that hangs or takes its process down has failed, and another process goes on
//! with those after it, so that it costs the student that test and no other.
//!
//! A submission that does not pass may be the reference's fault. Before a student is told so, the tests run once more
//! with the solution, which has to pass them; without a solution they are listed once more.
//!
//! A test that the reference skips or expects to fail does not count. With a solution, that is what the solution skips,
//! or fails as expected, when it runs. Without one, only decorators decide, as they are evaluated without the student's
//! files: a test that is skipped when it runs may have been skipped by the submission, and has failed.
//!
//! The student's code runs in the process that reports the results, and can do there whatever the tests can. It does
//! not see the nonce, the tests lie read-only over its files, its configuration is ignored, and a process that ends
//! early has reported nothing. Before or after each test, in random order, a canary runs that has to fail; the tests and
//! their plugins do not notice it. Code that makes everything pass, or that reports results of its own, is detected
//! here, outside of its process. What the submission replaces of pytest, of the tests or of the probe is looked for in
//! its process, before and after each test. Code written against this very runner, which reads the order from the
//! interpreter's memory, can still forge results, and an object that claims to be equal to everything need not forge
//! any. Where that matters, compare from outside: the runners `command` and `junit` can start the student's program as
//! a separate process.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
    pin::pin,
    time::Duration,
};

use ctutor_sandbox::{Exit, Outcome};
use serde_json::json;
use tokio::sync::watch;

use super::{
    Listener, Test, because,
    command::ending,
    fixtures,
    kept::Kept,
    left_out, not_run, refuse_skip, running,
    session::{Decorator, LeftOut, Session, Step, file_of},
};
use crate::testing::{
    Broken,
    bench::{Bench, Place, Whose},
    budget::Budget,
    report::{Status, TestReport, Verdict},
};

const PROBE: &str = include_str!("pytest_probe.py");
/// What the probe loads, by the names that it knows.
const PARTS: [(&str, &str); 7] = [
    ("canary", include_str!("pytest_canary.py")),
    ("cases", include_str!("pytest_cases.py")),
    ("guard", include_str!("pytest_guard.py")),
    ("modules", include_str!("pytest_modules.py")),
    ("mocks", include_str!("pytest_mocks.py")),
    ("output", include_str!("pytest_output.py")),
    ("reports", include_str!("pytest_reports.py")),
];
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
    /// The time for all tests.
    budget: &'a Budget,
}

/// How a process ended.
struct Ended {
    session: Session,
    outcome: Outcome,
    overdue: bool,
    /// How long that had been running which ran then, in seconds.
    lasted: f64,
    /// What it said at its end.
    words: String,
}

/// What came of running the tests once.
struct Ran {
    /// In the order of the names.
    reports: Vec<TestReport>,
    skipped_subtests: SkippedSubtests,
    /// Tests that were listed before and are missing now.
    unlisted: Vec<String>,
}

/// By the name of the test.
type SkippedSubtests = HashMap<String, BTreeSet<String>>;

/// What the solution does not pass and need not pass.
#[derive(Default)]
struct Excused {
    /// Tests that it skips, or fails as expected, with the reasons.
    tests: HashMap<String, String>,
    subtests: SkippedSubtests,
}

pub(super) async fn list(bench: &Bench<'_>) -> Result<Vec<Test>, Broken> {
    if !bench.has_tests() {
        return Err(Broken::NoTests);
    }
    let budget = Budget::new(bench.granted.total_timeout);
    let orders = Orders {
        mode: "list",
        paths: vec![bench.plan.tests.as_str()],
        wanted: &[],
        whose: Whose::Reference,
        test_timeout: START_TIMEOUT,
        budget: &budget,
    };
    let Ended { session, outcome, words, .. } = run_process(bench, &orders, &mut |_, _| {}).await?;
    if let Some(program) = session.missing {
        return Err(Broken::RunnerMissing { program });
    }
    if outcome.exit == Exit::Exited(127) {
        return Err(Broken::RunnerMissing { program: "python3".to_owned() });
    }
    let is_failure = |file: &&String| !session.load_skips.contains_key(*file);
    if let Some(file) = session.load_failures.keys().find(is_failure) {
        let message = &session.load_failures[file];
        return Err(Broken::Listing { message: format!("`{file}`: {message}") });
    }
    if session.tampered {
        let message = "they change pytest itself; plugins may do so, if no `conftest.py` imports a file of the \
                       student before them";
        return Err(Broken::Listing { message: message.to_owned() });
    }
    let tests = match session.listed {
        Some(tests) => tests,
        // Pytest does not get as far as the list if the list is empty.
        None if session.finished == Some(5) => return Err(Broken::NoTests),
        None => {
            return Err(Broken::Listing { message: format!("{}\n{words}", ending(&outcome)) });
        }
    };
    let mut seen = HashSet::new();
    if let Some(test) = tests.iter().find(|test| !seen.insert(*test)) {
        return Err(Broken::Listing { message: format!("`{test}` is listed twice") });
    }
    if let Some((test, fixture)) = session.lacking.first_key_value() {
        return Err(Broken::Listing { message: fixtures::lacking(test, fixture) });
    }
    let has_solution = bench.plan.solution.is_some();
    let mut left_out = session.left_out;
    let tests = tests.into_iter().map(|name| {
        let decorated = left_out.remove(&name);
        test_of(name, decorated, has_solution)
    });
    let skip = |(file, reason): (String, String)| {
        Test::left_out(file, because("the reference skips this file", &reason))
    };
    Ok(tests.chain(session.load_skips.into_iter().map(skip)).collect())
}

fn test_of(name: String, decorated: Option<LeftOut>, has_solution: bool) -> Test {
    match decorated {
        None => Test::new(name),
        Some(LeftOut { by: Decorator::Skip, message }) => {
            Test::left_out(name, because("the reference skips it", &message))
        }
        // It counts if the solution passes it against the expectation.
        Some(LeftOut { by: Decorator::Xfail, .. }) if has_solution => {
            Test { may_be_left_out: true, ..Test::new(name) }
        }
        Some(LeftOut { by: Decorator::Xfail, message }) => {
            Test::left_out(name, because("the reference expects it to fail", &message))
        }
    }
}

pub(super) async fn run(
    bench: &Bench<'_>,
    tests: &[Test],
    listener: Listener<'_>,
) -> Result<Vec<TestReport>, Broken> {
    let budget = Budget::new(bench.remaining());
    let counted = tests.iter().filter(|test| test.left_out.is_none());
    let names: Vec<String> = counted.clone().map(|test| test.name.clone()).collect();
    let ran = run_with(bench, Whose::Student, &names, &budget, listener).await?;
    let is_clear = ran.reports.iter().all(|report| report.result == Verdict::Passed)
        && ran.skipped_subtests.is_empty()
        && counted.clone().all(|test| !test.may_be_left_out);
    let mut excused = Excused::default();
    if bench.plan.solution.is_some() && !is_clear {
        excused = check_solution(bench, &names).await?;
    } else if !ran.unlisted.is_empty() {
        let again: Vec<String> = list(bench).await?.into_iter().map(|test| test.name).collect();
        check_names(&ran.unlisted, &again)?;
    }
    let mut reports: HashMap<&str, TestReport> =
        ran.reports.iter().map(|report| (report.name.as_str(), judged(report, &ran, &excused))).collect();
    let report = |test: &Test| match &test.left_out {
        Some(reason) => left_out(&test.name, reason),
        None => reports.remove(test.name.as_str()).unwrap_or_else(|| not_run(&test.name)),
    };
    Ok(tests.iter().map(report).collect())
}

/// The report of a submission's test, when it is known what the solution passes.
fn judged(report: &TestReport, ran: &Ran, excused: &Excused) -> TestReport {
    if let Some(reason) = excused.tests.get(&report.name) {
        return left_out(&report.name, reason);
    }
    let mut report = report.clone();
    if let (Verdict::Passed, Some(skipped)) = (report.result, ran.skipped_subtests.get(&report.name)) {
        if excused.subtests.get(&report.name).is_some_and(|excused| skipped.is_subset(excused)) {
            report.result_message = None;
        } else {
            report.result = Verdict::Skipped;
        }
    }
    refuse_skip(report)
}

/// Runs the tests with the solution, which has to pass all that it does not skip. The time for it is not taken from
/// the student's.
async fn check_solution(bench: &Bench<'_>, names: &[String]) -> Result<Excused, Broken> {
    let budget = Budget::new(bench.granted.total_timeout);
    let ran = run_with(bench, Whose::Reference, names, &budget, &mut |_| {}).await?;
    check_names(&ran.unlisted, &[])?;
    let mut tests = HashMap::new();
    for TestReport { name: test, result, result_message, .. } in ran.reports {
        let reason = result_message.unwrap_or_default();
        match result {
            Verdict::Passed => {}
            Verdict::Skipped => {
                tests.insert(test, because("it does not pass with the solution either", &reason));
            }
            Verdict::Failed => {
                return Err(Broken::Solution { test, message: because("it failed", &reason) });
            }
        }
    }
    Ok(Excused { tests, subtests: ran.skipped_subtests })
}

/// Refuses tests whose names change from run to run, as with random parameters.
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
    budget: &Budget,
    listener: Listener<'_>,
) -> Result<Ran, Broken> {
    let mut reports: HashMap<String, TestReport> = HashMap::with_capacity(names.len());
    let mut unlisted = BTreeSet::new();
    let mut skipped_subtests = HashMap::new();
    listener(running(0, names.len(), None));
    loop {
        let remaining: Vec<String> =
            names.iter().filter(|name| !reports.contains_key(*name)).cloned().collect();
        if remaining.is_empty() || budget.remaining().is_zero() {
            break;
        }
        let files: BTreeSet<&str> = remaining.iter().map(|test| file_of(test)).collect();
        let orders = Orders {
            mode: "run",
            paths: files.into_iter().collect(),
            wanted: &remaining,
            whose,
            test_timeout: bench.granted.test_timeout,
            budget,
        };
        let before = reports.len();
        let mut on_step = |done: usize, current: Option<&str>| {
            listener(running(before + done, names.len(), current));
        };
        let ended = run_process(bench, &orders, &mut on_step).await?;
        unlisted.extend(ended.session.unlisted());
        skipped_subtests.extend(ended.session.skipped_subtests.clone());
        reports.extend(conclude(&orders, ended)?);
    }
    listener(running(names.len(), names.len(), None));
    let reports = names.iter().map(|name| reports.remove(name).unwrap_or_else(|| not_run(name))).collect();
    Ok(Ran { reports, skipped_subtests, unlisted: unlisted.into_iter().collect() })
}

/// The reports of the tests that a process has settled, at least one.
fn conclude(orders: &Orders<'_>, ended: Ended) -> Result<HashMap<String, TestReport>, Broken> {
    let Ended { session, outcome, overdue, lasted, words } = ended;
    if let Some(program) = session.missing {
        return Err(Broken::RunnerMissing { program });
    }
    if outcome.exit == Exit::TimedOut && !overdue && orders.budget.remaining().is_zero() {
        // The time for all was used up; the test that ran then is as much to blame as those before it.
        return Ok(session.settle_late(orders.wanted, &words, lasted));
    }
    let (status, reason) = if overdue {
        let seconds = orders.test_timeout.as_secs_f64();
        (Status::TimedOut, format!("it did not end within {seconds} s"))
    } else if outcome.exit == Exit::TimedOut {
        (Status::TimedOut, ending(&outcome))
    } else {
        (Status::Crashed, ending(&outcome))
    };
    // One that is overdue had all of its time, and no more.
    let lasted = if overdue { orders.test_timeout.as_secs_f64() } else { lasted };
    Ok(session.settle(orders.wanted, status, format!("{reason}\n{words}").trim_end(), lasted))
}

async fn run_process(
    bench: &Bench<'_>,
    orders: &Orders<'_>,
    on_step: &mut (dyn FnMut(usize, Option<&str>) + Send),
) -> Result<Ended, Broken> {
    let mut session = Session::new(orders.wanted);
    let place = bench.place(orders.whose)?;
    session.hidden = place.hidden.clone();
    let kept = Kept::new(&place)?;
    let command = prepare(bench, orders, &place, &kept, &session)?;
    let stop = bench.cancel.child_token();
    let (next, limit) = watch::channel(START_TIMEOUT);
    let mut on_line = |line: ctutor_sandbox::Line<'_>| {
        let before = (session.done.len(), session.current_test().map(str::to_owned));
        let step = session.read(line.bytes);
        if step == Step::Began {
            next.send_replace(orders.test_timeout);
        }
        let current = session.current_test();
        if session.done.len() > before.0 || (current.is_some() && current != before.1.as_deref()) {
            on_step(session.done.len(), current);
        }
    };
    let mut overdue = false;
    let outcome = {
        let mut process = pin!(bench.run_with_lines(&command, &stop, &mut on_line));
        tokio::select! {
            outcome = &mut process => outcome,
            () = passed(limit) => {
                overdue = true;
                stop.cancel();
                process.await
            }
        }
    }?;
    let lasted = session.lasted();
    let words = kept.words(&place.hidden, &bench.last_output(&place, &outcome, Some(&session.nonce)));
    kept.remove();
    Ok(Ended { session, outcome, overdue, lasted, words })
}

fn prepare(
    bench: &Bench<'_>,
    orders: &Orders<'_>,
    place: &Place,
    kept: &Kept,
    session: &Session,
) -> Result<ctutor_sandbox::Command, Broken> {
    let probe = bench.tool("probe.py", PROBE)?;
    let mut parts = BTreeMap::new();
    for (name, content) in PARTS {
        parts.insert(name, bench.tool(&format!("{name}.py"), content)?);
    }
    let ini = bench.tool("pytest.ini", INI)?;
    let argv = ["python3".to_owned(), "-I".to_owned(), "-B".to_owned(), probe.display().to_string()];
    let wall = orders.budget.remaining();
    let mut command = bench.command(place, &argv, wall);
    command.limits.wall = wall;
    let tools = [probe, ini.clone()].into_iter().chain(parts.values().cloned());
    command.binds.extend(tools.map(ctutor_sandbox::Bind::ReadOnly));
    command.binds.push(ctutor_sandbox::Bind::Writable(kept.folder.clone()));
    command.env.insert("PYTEST_DISABLE_PLUGIN_AUTOLOAD".into(), "1".into());
    command.env.insert("PYTHONHASHSEED".into(), "0".into());
    let text = json!({
        "nonce": session.nonce,
        "mode": orders.mode,
        "files": parts,
        "output": kept.folder,
        "test_time": orders.test_timeout.as_secs_f64(),
        "all_time": wall.as_secs_f64(),
        "ini": ini,
        "paths": orders.paths,
        "wanted": orders.wanted,
        "canary_first": session.canary_first(),
        "tests": bench.plan.tests.trim_end_matches('/'),
        "placed": bench.placed_files().map(Path::to_string_lossy).collect::<Vec<_>>(),
        "stand_ins": stand_ins(bench, orders.whose),
        "named_modules": bench.named_modules(),
    });
    command.stdin = format!("{text}\n").into_bytes();
    Ok(command)
}

/// Which missing modules get stand-ins while tests are listed: none, these, or any.
fn stand_ins(bench: &Bench<'_>, whose: Whose) -> serde_json::Value {
    if whose == Whose::Student || bench.plan.solution.is_some() {
        return json!(false);
    }
    json!(stand_in_names(&bench.plan.student_files))
}

/// The modules of these files, or none if a pattern leaves their names open. The tests may import a module by its path
/// in the submission, or by the end of its path from a folder that they add to Python's.
fn stand_in_names(student_files: &[String]) -> Option<Vec<String>> {
    let mut names = Vec::with_capacity(student_files.len());
    for pattern in student_files {
        if pattern.contains('*') {
            return None;
        }
        let path = module_path(pattern);
        let ends = path.match_indices('.').map(|(dot, _)| path[dot + 1..].to_owned());
        names.extend(ends);
        names.push(path);
    }
    Some(names)
}

/// What Python calls a file or a folder.
fn module_path(pattern: &str) -> String {
    let file = pattern.trim_end_matches('/');
    file.strip_suffix(".py").unwrap_or(file).replace('/', ".")
}

/// Returns when a limit has passed without having been set anew.
async fn passed(mut limit: watch::Receiver<Duration>) {
    loop {
        let budget = Budget::new(*limit.borrow_and_update());
        while tokio::time::timeout(budget.remaining(), limit.changed()).await.is_err() {
            if budget.remaining().is_zero() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_in_a_package_is_named_by_each_end_of_its_path() {
        let names = |patterns: &[&str]| {
            stand_in_names(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
        };
        let expected = ["pkg.student", "student", "src.pkg.student", "src", "a"].map(str::to_owned).to_vec();
        assert_eq!(names(&["src/pkg/student.py", "src/", "a.py"]), Some(expected));
        assert_eq!(names(&["a.py", "*.py"]), None);
    }
}
