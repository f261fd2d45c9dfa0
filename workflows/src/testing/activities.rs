//! The activities of `student_testing`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ctutor_engine::{
    activity,
    activity::{ActivityContext, ActivityError, Progress as Heartbeat},
    clock::Timestamp,
    payload::Payload,
};
use ctutor_git::Watch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Broken, Job, Progress, Stage,
    bench::is_folder,
    doubt::{Doubt, Verdict},
    execute,
    names::find,
    places::TestPlace,
    plan::{PLAN_FILE, TestPlan},
    report::Report,
    repository::Repository,
    scratch::Scratch,
    station::{
        TestingStation, Whose, broken_failure, cannot_be_tested, git_failure, students_fault, unusable,
    },
};

/// Time between two heartbeats while there is no other progress.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// All runs of the tests of one submission take less, by the limits of each. A step of the worker that hangs does not.
const TESTS_TIME_MAX: Duration = Duration::from_secs(45 * 60);

/// A repository to fetch.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FetchRepository {
    /// The repository to fetch.
    pub repository: Repository,
    /// Stage that the progress shows.
    pub stage: FetchStage,
}

/// Which of the two repositories is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FetchStage {
    /// The reference repository.
    DownloadingExample,
    /// The student's repository.
    DownloadingSubmission,
}

/// The commit that a revision resolved to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Fetched {
    /// Full commit ID; the requested revision if a fault of the submission kept it from being resolved.
    pub commit: String,
    /// Why the submission cannot be tested, if the submission is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A submission to test. Both revisions are full commit IDs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RunTests {
    /// The repository with the tests.
    pub reference: Repository,
    /// The student's repository.
    pub submission: Repository,
    /// Test plan; defaults to the file `ctutor-test.toml` of the reference.
    pub plan: Option<TestPlan>,
    /// Why the submission cannot be tested, if that is already known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// What the next attempt needs to keep its turn.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Turn {
    /// When the first attempt began to wait for a place, in milliseconds since 1970.
    waiting_since_ms: Timestamp,
}

#[derive(Default, Serialize)]
struct Details<'a> {
    stage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a str>,
    /// How many tests get a place on this worker before this one, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<usize>,
}

/// Fetches a repository and resolves its revision to a commit.
///
/// The time limit covers the wait for one of the worker's checkouts; the fetch itself is bounded by
/// `testing.checkout_timeout`. There is one attempt more than a [`Doubt`] needs, for another fault before it.
#[activity(
    start_to_close = "7d",
    heartbeat = "30s",
    retry(initial = "1s", backoff = 2.0, max_interval = "10s", max_attempts = 4)
)]
pub async fn fetch_repository(
    ctx: &ActivityContext<Doubt>,
    input: FetchRepository,
) -> Result<Fetched, ActivityError> {
    let station = ctx.resource::<TestingStation>()?;
    fetch(ctx, &station, input).await.map_err(|error| station.without_paths(error))
}

async fn fetch(
    ctx: &ActivityContext<Doubt>,
    station: &TestingStation,
    input: FetchRepository,
) -> Result<Fetched, ActivityError> {
    let (stage, whose) = match input.stage {
        FetchStage::DownloadingExample => ("downloading_example", Whose::Reference),
        FetchStage::DownloadingSubmission => ("downloading_submission", Whose::Submission),
    };
    let scratch = scratch_folder(station)?;
    let into = scratch.path().join("tree");
    let error = match check_out(ctx, station, &input.repository, &into, stage).await {
        Ok(commit) => return Ok(Fetched { commit, fault: None }),
        Err(error) => error,
    };
    let (doubt, verdict) = ctx.resume().unwrap_or_default().after(&error);
    ctx.checkpoint(&doubt);
    let fault = match verdict {
        Verdict::Doubtful { delay } => return Err(git_failure(whose, &error).retry_after(delay)),
        Verdict::Lasted => Some(cannot_be_tested(&error)),
        Verdict::Plain => students_fault(&error),
    };
    match (whose, fault, verdict) {
        (Whose::Submission, Some(fault), _) => {
            Ok(Fetched { commit: input.repository.revision().to_owned(), fault: Some(fault) })
        }
        (_, _, Verdict::Lasted) => Err(unusable(whose, &error)),
        _ => Err(git_failure(whose, &error)),
    }
}

/// Runs the tests of the reference against the submission, in a sandbox.
///
/// Whatever the student's program does, the result is a report. The attempt is retried after the loss of a worker and
/// after faults that another worker may not have; a broken reference is not retried.
///
/// The time limit covers the wait for a place, which may be long before a deadline of a course. The tests have limits
/// of their own, which begin when they do.
#[activity(
    start_to_close = "7d",
    heartbeat = "30s",
    retry(initial = "1s", backoff = 2.0, max_interval = "10s", max_attempts = 3)
)]
pub async fn run_tests(ctx: &ActivityContext<Turn>, input: RunTests) -> Result<Report, ActivityError> {
    let station = ctx.resource::<TestingStation>()?;
    test(ctx, &station, input).await.map_err(|error| station.without_paths(error))
}

async fn test(
    ctx: &ActivityContext<Turn>,
    station: &TestingStation,
    input: RunTests,
) -> Result<Report, ActivityError> {
    let sandbox = station.sandbox()?;
    let _place = wait_for_place(ctx, station).await?;
    let scratch = scratch_folder(station)?;
    let (reference, student) = (scratch.path().join("reference"), scratch.path().join("student"));
    // Both were whole when they were fetched before, so that a server which now ends without a word, or has not what it
    // lists, is taken at its word as unavailable: no [`Doubt`] is kept here that could make it 0 points. If it has lost
    // the repository since then, a new run finds that out.
    check_out(ctx, station, &input.reference, &reference, "preparing")
        .await
        .map_err(|error| git_failure(Whose::Reference, &error))?;
    let mut fault = input.fault;
    if fault.is_none()
        && let Err(error) = check_out(ctx, station, &input.submission, &student, "preparing").await
    {
        fault = Some(students_fault(&error).ok_or_else(|| git_failure(Whose::Submission, &error))?);
    }
    let reference = within(&reference, input.reference.path.as_deref())?;
    if let Some(path) = &input.reference.path
        && !is_folder(&reference)
    {
        return Err(broken_failure(&Broken::ReferenceMissing { path: path.clone() }));
    }
    let student = within(&student, input.submission.path.as_deref())?;
    if let Some(path) = &input.submission.path
        && fault.is_none()
        && !is_folder(&student)
    {
        fault = Some(format!("the submission has no folder `{path}`"));
    }
    let job = Job {
        reference: &reference,
        student: &student,
        fault: fault.as_deref(),
        plan: input.plan.as_ref(),
        maxima: &station.maxima,
        sandbox,
        scratch: scratch.path(),
    };
    let last = Mutex::new(None);
    let tell = |progress: Progress| {
        let heartbeat = running(&progress);
        ctx.report(heartbeat.clone());
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(heartbeat);
    };
    let cancel = ctx.cancellation();
    let report = tokio::select! {
        report = execute(job, tell, &cancel) => {
            report.map_err(|error| broken_failure(&with_source(error, &input.reference, &student)))?
        }
        error = stay_alive(ctx, &last) => return Err(error),
    };
    let total = f64::from(report.summary.total);
    ctx.report(heartbeat("storing", total, total, None));
    Ok(report)
}

/// Says which reference has no plan, and whether it was exchanged with the submission.
fn with_source(error: Broken, reference: &Repository, student: &Path) -> Broken {
    let Broken::PlanMissing { mut hint } = error else { return error };
    // It was fetched, and a URL that holds a secret is refused before.
    let Repository { url, path, .. } = reference;
    hint.push_str(&format!("; the reference is {url} at commit {}", reference.revision()));
    if let Some(path) = path {
        hint.push_str(&format!(", folder `{path}`"));
    }
    if student.join(PLAN_FILE).is_file() {
        hint.push_str(&format!("; the submission has a `{PLAN_FILE}`: were the two exchanged?"));
    }
    Broken::PlanMissing { hint }
}

/// Waits for one of the places where tests run, and tells how many come before. An attempt that was lost while it waited
/// or ran keeps its turn.
async fn wait_for_place(
    ctx: &ActivityContext<Turn>,
    station: &TestingStation,
) -> Result<TestPlace, ActivityError> {
    let turn = ctx.resume().unwrap_or_else(|| Turn { waiting_since_ms: ctx.now() });
    ctx.checkpoint(&turn);
    let mut waiting = station.places.join(turn.waiting_since_ms);
    loop {
        let before = waiting.before();
        tokio::select! {
            biased;
            place = waiting.place() => {
                return place.ok_or_else(|| ActivityError::retryable("WorkerStopped", "the worker stopped"));
            }
            slept = tell_wait(ctx, before) => slept?,
        }
    }
}

/// Tells how many come before, and ends when it may be told again.
async fn tell_wait(ctx: &ActivityContext<Turn>, before: usize) -> Result<(), ActivityError> {
    let tests = if before == 1 { "test comes" } else { "tests come" };
    let message =
        format!("waiting for a place to run the tests: {before} other {tests} first on this worker");
    let details = Details { stage: "waiting", before: Some(before), ..Details::default() };
    let details = Payload::encode(&details).ok();
    ctx.report(Heartbeat { completed: 0.0, total: 0.0, message, details });
    Ok(ctx.sleep(SIGN_OF_LIFE).await?)
}

/// Repeats the last heartbeat while a slow test reports nothing. Returns when the tests take longer than they can; a
/// cancellation is left to the execution, which hears of it too.
///
/// Time in which the worker was paused does not count: it is not a step of this loop.
async fn stay_alive<C: Serialize + DeserializeOwned>(
    ctx: &ActivityContext<C>,
    last: &Mutex<Option<Heartbeat>>,
) -> ActivityError {
    let mut ran = Duration::ZERO;
    while ctx.sleep(SIGN_OF_LIFE).await.is_ok() {
        ran += SIGN_OF_LIFE;
        if ran >= TESTS_TIME_MAX {
            let minutes = TESTS_TIME_MAX.as_secs() / 60;
            let message = format!("the tests did not end within {minutes} minutes of getting their place");
            return ActivityError::retryable("Timeout", message);
        }
        let heartbeat = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match heartbeat {
            Some(heartbeat) => ctx.report(heartbeat),
            None => ctx.heartbeat(),
        };
    }
    std::future::pending().await
}

async fn check_out<C: Serialize + DeserializeOwned>(
    ctx: &ActivityContext<C>,
    station: &TestingStation,
    repository: &Repository,
    into: &Path,
    stage: &'static str,
) -> Result<String, ctutor_git::Error> {
    ctx.report(heartbeat(stage, 0.0, 0.0, None));
    let source = repository.source()?;
    let told = Arc::new(Mutex::new((0_u64, 0_u64)));
    let listener = told.clone();
    let watch = Watch::new(ctx.cancellation()).on_progress(move |progress| {
        if let ctutor_git::Progress::Receiving { objects, objects_total, .. } = progress {
            *listener.lock().unwrap_or_else(PoisonError::into_inner) = (objects, objects_total);
        }
    });
    let checkout = station.cache.checkout(&source, into, &watch);
    tokio::pin!(checkout);
    loop {
        tokio::select! {
            checkout = &mut checkout => {
                return Ok(checkout?.commit.to_string());
            }
            // The checkout watches for a cancellation too.
            _ = ctx.sleep(Duration::from_millis(500)), if !ctx.is_canceled() => {
                let (done, total) = *told.lock().unwrap_or_else(PoisonError::into_inner);
                #[expect(clippy::cast_precision_loss, reason = "objects are counted in millions at most")]
                ctx.report(heartbeat(stage, done as f64, total as f64, None));
            }
        }
    }
}

fn running(progress: &Progress) -> Heartbeat {
    let stage = match progress.stage {
        Stage::Preparing => "preparing",
        Stage::Running => "running",
    };
    heartbeat(stage, f64::from(progress.done), f64::from(progress.total), progress.current.as_deref())
}

fn heartbeat(stage: &str, completed: f64, total: f64, current: Option<&str>) -> Heartbeat {
    let percent = (total > 0.0).then(|| completed / total * 100.0);
    let message = current.map_or_else(|| stage.replace('_', " "), |test| format!("{stage}: {test}"));
    let details = Payload::encode(&Details { stage, percent, current, before: None }).ok();
    Heartbeat { completed, total, message, details }
}

fn scratch_folder(station: &TestingStation) -> Result<Scratch, ActivityError> {
    Scratch::make(&station.scratch).map_err(|error| {
        ActivityError::retryable("ScratchFolder", format!("could not create a temporary folder: {error}"))
    })
}

/// A folder of a checkout; paths that lead out of it are refused.
fn within(tree: &Path, path: Option<&str>) -> Result<PathBuf, ActivityError> {
    let Some(path) = path else { return Ok(tree.to_owned()) };
    let inner = !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inner {
        return Err(ActivityError::non_retryable(
            "Validation",
            "`path` must be a relative path without `..`, and not empty",
        ));
    }
    Ok(find(tree, Path::new(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_plan_is_told_with_the_reference_and_with_a_plan_of_the_submission() {
        let student = tempfile::tempdir().unwrap();
        let reference: Repository = serde_json::from_value(serde_json::json!({
            "url": "https://git.example.org/reference.git", "commit": "0123abc", "path": "week-1"
        }))
        .unwrap();
        let told = || {
            let error = Broken::PlanMissing { hint: String::new() };
            with_source(error, &reference, student.path()).to_string()
        };
        let source =
            "; the reference is https://git.example.org/reference.git at commit 0123abc, folder `week-1`";
        assert!(told().ends_with(source), "{}", told());
        std::fs::write(student.path().join(PLAN_FILE), "").unwrap();
        let exchanged = "; the submission has a `ctutor-test.toml`: were the two exchanged?";
        assert!(told().ends_with(&format!("{source}{exchanged}")), "{}", told());
    }
}
