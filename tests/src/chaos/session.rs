//! A session from the first process to the last look into the database.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rand::RngExt;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Logs, Options, Report,
    blows::{self, Blow},
    check::{self, Course, Ended},
    cluster::Cluster,
    door::{self, Caller, Door},
    leftovers, pace,
    plan::{self, Beginning, RunPlan, Stop, Stream},
    stop::{self, Stopped},
    submit::{self, Accepted},
    watcher::{self, Seen},
};

const PREFIX: &str = "chaos-";

/// How long everything may take after the last blow. Only a run that hangs reaches it.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long processes take to start, roughly.
const STARTING: Duration = Duration::from_millis(500);

pub(super) async fn run(options: &Options) -> Result<Report> {
    let mut cluster = Cluster::start(options.shape, options.seed).await?;
    match drive(&mut cluster, options).await {
        Ok(report) => {
            if options.logs == Logs::Keep {
                println!("logs are kept in {}", cluster.keep().display());
            }
            Ok(report)
        }
        Err(error) => {
            let open = leftovers::describe(|query| cluster.sql(query));
            // The failure itself is what counts; notes are only a help.
            let _ = fs::write(cluster.folder().join("open-rows.txt"), open);
            let _ = fs::write(cluster.folder().join("failure.txt"), format!("{error:#}"));
            let folder = cluster.keep();
            Err(error.context(format!("logs are kept in {}", folder.display())))
        }
    }
}

/// A run that was accepted, and perhaps stopped already.
type Begun = (Accepted, Option<Stopped>);

async fn drive(cluster: &mut Cluster, options: &Options) -> Result<Report> {
    let began = Instant::now();
    let mut report = Report::default();
    let door = Door::new(cluster.client(), cluster.addresses());
    let (accepted, submissions) = mpsc::unbounded_channel();
    let blows = blows::draw(options);
    let time = blows.iter().map(|planned| planned.before + planned.away + STARTING).sum();
    let of_blows = blows.iter().filter(|planned| planned.blow == Blow::KillAnswerer).count();
    let mut next_run = options.runs - of_blows;
    let submitting = submit_all(door.clone(), options.seed, next_run, time, accepted.clone());
    let submitting = tokio::spawn(submitting);
    let following = tokio::spawn(follow_all(door.clone(), options.seed, submissions));

    for planned in blows {
        pace::let_run(planned.before).await;
        *report.blows.entry(planned.blow.name()).or_default() += 1;
        let mut answerer = None;
        if planned.blow == Blow::KillAnswerer {
            let plan = RunPlan::draw_endless(options.seed, next_run);
            next_run += 1;
            let (run, stopped) = begin_and_stop(&door, options.seed, plan).await?;
            answerer = Some(stopped.by.clone());
            accepted.send((run, Some(stopped))).map_err(|_| anyhow!("nobody watches"))?;
        }
        let suffered = cluster.suffer(planned, answerer.as_deref()).await;
        suffered.with_context(|| format!("at {planned:?}"))?;
    }
    drop(accepted);
    let last_blow = Instant::now();
    let ended = tokio::time::timeout(PATIENCE, async {
        submitting.await??;
        collect(following.await?).await
    });
    let Ok(ended) = ended.await else { bail!("runs hang: {}", hanging(cluster).await?) };
    let ended = ended?;
    ensure!(ended.len() == options.runs, "{} submissions were accepted", ended.len());
    report.tail = ended
        .iter()
        .map(|course| course.seen.ended_at.saturating_duration_since(last_blow))
        .max()
        .unwrap_or_default();

    let wrong = check_all(cluster, &ended, &mut report).await?;
    cluster.stop_all()?;
    leftovers::check(|query| cluster.sql(query), options.runs)?;
    if !wrong.is_empty() {
        bail!("{} of {} runs went wrong:\n{}", wrong.len(), ended.len(), wrong.join("\n"));
    }
    report.error_lines = check_logs(&cluster.logs()?)?;
    report.took = began.elapsed();
    Ok(report)
}

/// Submits the work, spread over the time that the blows take at least.
async fn submit_all(
    door: Door,
    seed: u64,
    runs: usize,
    time: Duration,
    accepted: mpsc::UnboundedSender<Begun>,
) -> Result<()> {
    let mut rng = plan::rng(seed, Stream::Pauses);
    let mut under_way = JoinSet::new();
    for index in 0..runs {
        let (door, accepted) = (door.clone(), accepted.clone());
        under_way.spawn(async move {
            let submitted = begin(&door, seed, RunPlan::draw(seed, index)).await?;
            accepted.send((submitted, None)).map_err(|_| anyhow!("nobody watches"))
        });
        pace::let_run(time.div_f64(runs as f64).mul_f64(rng.random_range(0.0..2.0))).await;
    }
    while let Some(submitted) = under_way.join_next().await {
        submitted??;
    }
    Ok(())
}

async fn begin(door: &Door, seed: u64, plan: RunPlan) -> Result<Accepted> {
    let caller = Caller::new(door.clone(), plan::rng(seed, Stream::Submission(plan.index)));
    submit::submit(caller, format!("{PREFIX}{}", plan.index), plan).await
}

async fn end(door: &Door, seed: u64, accepted: &Accepted) -> Result<Option<Stopped>> {
    let Some(planned) = accepted.plan.stop else { return Ok(None) };
    let caller = Caller::new(door.clone(), plan::rng(seed, Stream::Stop(accepted.plan.index)));
    pace::let_run(planned.after).await;
    let stopped = stop::stop(caller, accepted, planned.how).await;
    Ok(Some(stopped.with_context(|| format!("the stop of `{}`, {planned:?}", accepted.workflow_id))?))
}

async fn begin_and_stop(door: &Door, seed: u64, plan: RunPlan) -> Result<(Accepted, Stopped)> {
    let accepted = begin(door, seed, plan).await?;
    let stopped = end(door, seed, &accepted).await?;
    Ok((accepted, stopped.context("it was to be stopped")?))
}

/// Watches every run, and stops those that are to be stopped.
async fn follow_all(
    door: Door,
    seed: u64,
    mut begun: mpsc::UnboundedReceiver<Begun>,
) -> JoinSet<Result<Course>> {
    let mut courses = JoinSet::new();
    while let Some((accepted, stopped)) = begun.recv().await {
        courses.spawn(follow(door.clone(), seed, accepted, stopped));
    }
    courses
}

async fn follow(door: Door, seed: u64, accepted: Accepted, stopped: Option<Stopped>) -> Result<Course> {
    let RunPlan { index, watch, late, .. } = accepted.plan;
    let in_words = |who: &str| format!("the {who} of `{}` ({watch:?}, then {late:?})", accepted.workflow_id);
    let watching = async {
        let seen = watcher::follow(door.clone(), &accepted.id, watch, index).await;
        seen.with_context(|| in_words("watcher"))
    };
    let stopping = async {
        match stopped {
            Some(stopped) => Ok(Some(stopped)),
            None => end(&door, seed, &accepted).await,
        }
    };
    let (seen, stopped) = tokio::try_join!(watching, stopping)?;
    let late = match late {
        None => None,
        Some(late) => {
            let seen = watcher::follow_late(door.clone(), &accepted.id, late, index).await;
            Some(seen.with_context(|| in_words("late watcher"))?)
        }
    };
    Ok(Course { accepted, stopped, seen, late })
}

async fn collect(mut courses: JoinSet<Result<Course>>) -> Result<Vec<Course>> {
    let mut ended = Vec::new();
    while let Some(course) = courses.join_next().await {
        ended.push(course??);
    }
    Ok(ended)
}

/// Checks every run, and returns what went wrong.
async fn check_all(cluster: &Cluster, ended: &[Course], report: &mut Report) -> Result<Vec<String>> {
    let client = Door::new(cluster.client(), cluster.addresses()).open(0).await?;
    let losses = cluster.losses();
    let mut wrong = Vec::new();
    for course in ended {
        let accepted = &course.accepted;
        match check::run(&client, course, &losses).await {
            Ok(found) => count(course, &found, report),
            Err(error) => wrong.push(format!("`{}`: {error:#}; {:?}", accepted.workflow_id, accepted.plan)),
        }
    }
    if wrong.is_empty() {
        let by_status = BTreeMap::from([
            ("COMPLETED", report.completed),
            ("FAILED", report.failed),
            ("CANCELED", report.cancels.effective),
            ("TERMINATED", report.terminates.effective),
        ]);
        check::counts(&client, PREFIX, &by_status).await?;
    }
    check::idle(&client, &cluster.workers()).await?;
    Ok(wrong)
}

fn count(course: &Course, found: &Ended, report: &mut Report) {
    report.completed += usize::from(found.status == "COMPLETED");
    report.failed += usize::from(found.status == "FAILED");
    report.delayed += usize::from(course.accepted.plan.delay.is_some());
    report.repeats += course.accepted.repeats;
    report.events += found.events;
    report.timers += found.timers;
    report.further_attempts += found.further_attempts;
    if let Some(stopped) = &course.stopped {
        let stops = match stopped.how {
            Stop::Cancel => &mut report.cancels,
            Stop::Terminate => &mut report.terminates,
        };
        stops.effective += usize::from(stopped.has_effect());
        stops.late += usize::from(!stopped.has_effect());
        stops.repeats += stopped.repeats;
    }
    let plan = &course.accepted.plan;
    for watch in std::iter::once(&plan.watch).chain(&plan.late) {
        report.from_snapshot += usize::from(watch.from == Beginning::Snapshot);
        report.from_first_event += usize::from(watch.from == Beginning::FirstEvent);
    }
    for seen in course.watchers() {
        count_seen(seen, report);
    }
    if let Some(late) = &course.late {
        report.late += 1;
        report.late_max = report.late_max.max(late.last_connection);
    }
}

fn count_seen(seen: &Seen, report: &mut Report) {
    report.reconnects += seen.reconnects;
    report.gaps += seen.gaps;
    report.events_sent += seen.types.len();
}

/// What the lists say of runs that have not ended.
async fn hanging(cluster: &Cluster) -> Result<String> {
    let client = Door::new(cluster.client(), cluster.addresses()).open(0).await?;
    let document = "query ($filter: WorkflowFilter) { workflows(first: 20, filter: $filter) { totalCount \
                    nodes { workflowId runId status historyLength blockedTask { attempt } } } }";
    let filter = serde_json::json!({ "filter": { "statuses": ["PENDING", "RUNNING", "CANCELING"] } });
    Ok(door::read(&client, document, filter).await?["workflows"].to_string())
}

/// Counts the lines that ask for someone's attention; a panic is a fault.
fn check_logs(logs: &[String]) -> Result<usize> {
    if let Some(line) = logs.iter().flat_map(|log| log.lines()).find(|line| line.contains("panicked at")) {
        bail!("a process panicked: {line}");
    }
    Ok(logs.iter().flat_map(|log| log.lines()).filter(|line| line.contains("ERROR")).count())
}
