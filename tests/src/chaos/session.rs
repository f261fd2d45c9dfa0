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
    Logs, Options, Report, check,
    cluster::Cluster,
    leftovers, pace,
    plan::{self, Stream, Work},
    submit::{self, Accepted, Door},
    watcher::{self, Seen, Transport},
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

async fn drive(cluster: &mut Cluster, options: &Options) -> Result<Report> {
    let began = Instant::now();
    let mut report = Report::default();
    let door = Door::new(cluster.client(), cluster.addresses());
    let (accepted, mut submissions) = mpsc::unbounded_channel();
    let blows = plan::blows(options);
    let time = blows.iter().map(|planned| planned.before + planned.away + STARTING).sum();
    let submitting = tokio::spawn(submit_all(door.clone(), options.clone(), time, accepted));
    let following = tokio::spawn(async move {
        let mut watchers = JoinSet::new();
        while let Some(accepted) = submissions.recv().await {
            watchers.spawn(watch(door.clone(), accepted, watchers.len()));
        }
        watchers
    });

    for planned in blows {
        pace::let_run(planned.before).await;
        *report.blows.entry(planned.blow.name()).or_default() += 1;
        cluster.suffer(planned).await.with_context(|| format!("at {planned:?}"))?;
    }
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
        .map(|(_, seen)| seen.ended_at.saturating_duration_since(last_blow))
        .max()
        .unwrap_or_default();

    check_all(cluster, &ended, &mut report).await?;
    cluster.stop_all()?;
    leftovers::check(|query| cluster.sql(query), options.runs)?;
    report.error_lines = check_logs(&cluster.logs()?)?;
    report.took = began.elapsed();
    Ok(report)
}

/// Submits the work, spread over the time that the blows take at least.
async fn submit_all(
    door: Door,
    options: Options,
    time: Duration,
    accepted: mpsc::UnboundedSender<Accepted>,
) -> Result<()> {
    let mut rng = plan::rng(options.seed, Stream::Work);
    let mut under_way = JoinSet::new();
    for index in 0..options.runs {
        let work = Work::draw(&mut rng, index);
        let own = plan::rng(options.seed, Stream::Submission(index));
        let (door, accepted) = (door.clone(), accepted.clone());
        under_way.spawn(async move {
            let workflow_id = format!("{PREFIX}{index}");
            let submitted = submit::submit(door, workflow_id, work, own).await?;
            accepted.send(submitted).map_err(|_| anyhow!("nobody watches"))
        });
        pace::let_run(time.div_f64(options.runs as f64).mul_f64(rng.random_range(0.0..2.0))).await;
    }
    while let Some(submitted) = under_way.join_next().await {
        submitted??;
    }
    Ok(())
}

type Watched = (Accepted, Seen);

async fn watch(door: Door, accepted: Accepted, choice: usize) -> Result<Watched> {
    let transport = if choice % 4 == 3 { Transport::ServerSentEvents } else { Transport::WebSocket };
    let seen = watcher::follow(door, accepted.id.clone(), transport, choice).await;
    let seen = seen.with_context(|| format!("the watcher of `{}` ({transport:?})", accepted.workflow_id))?;
    Ok((accepted, seen))
}

async fn collect(mut watchers: JoinSet<Result<Watched>>) -> Result<Vec<Watched>> {
    let mut ended = Vec::new();
    while let Some(watched) = watchers.join_next().await {
        ended.push(watched??);
    }
    Ok(ended)
}

async fn check_all(cluster: &Cluster, ended: &[Watched], report: &mut Report) -> Result<()> {
    let client = Door::new(cluster.client(), cluster.addresses()).open(0).await?;
    let losses = cluster.losses();
    for (accepted, seen) in ended {
        let found = check::run(&client, accepted, seen, &losses)
            .await
            .with_context(|| format!("`{}`, {:?}", accepted.workflow_id, accepted.work))?;
        report.completed += usize::from(found.completed);
        report.failed += usize::from(!found.completed);
        report.repeats += accepted.repeats;
        report.reconnects += seen.reconnects;
        report.gaps += seen.gaps;
        report.events += found.events;
        report.further_attempts += found.further_attempts;
    }
    let by_status = BTreeMap::from([("COMPLETED", report.completed), ("FAILED", report.failed)]);
    check::counts(&client, PREFIX, &by_status).await?;
    check::idle(&client, &cluster.workers()).await
}

/// What the lists say of runs that have not ended.
async fn hanging(cluster: &Cluster) -> Result<String> {
    let client = Door::new(cluster.client(), cluster.addresses()).open(0).await?;
    let document = "query ($filter: WorkflowFilter) { workflows(first: 20, filter: $filter) { totalCount \
                    nodes { workflowId runId status historyLength blockedTask { attempt } } } }";
    let filter = serde_json::json!({ "filter": { "statuses": ["PENDING", "RUNNING"] } });
    Ok(client.data(document, filter).await?["workflows"].to_string())
}

/// Counts the lines that ask for someone's attention; a panic is a fault.
fn check_logs(logs: &[String]) -> Result<usize> {
    if let Some(line) = logs.iter().flat_map(|log| log.lines()).find(|line| line.contains("panicked at")) {
        bail!("a process panicked: {line}");
    }
    Ok(logs.iter().flat_map(|log| log.lines()).filter(|line| line.contains("ERROR")).count())
}
