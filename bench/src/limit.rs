//! The least that PostgreSQL must do for a durable workflow.
//!
//! | commit | statements | then |
//! | --- | --- | --- |
//! | accept | insert the run, its queue row and its first two events | the start is acknowledged |
//! | claim | take queue rows that are due | the activity runs |
//! | step | append two events; at the end also close the run and remove its queue row | the next activity runs, or the end is told |
//!
//! Each kind of commit has one connection, takes all runs that wait for it, and sends its statements without waiting
//! for the answers before. There is no lease, no visibility, no hint, no check of any kind: what an engine adds.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
};

use anyhow::{Context, Result};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_postgres::{NoTls, Statement};

/// Runs of one commit.
const BATCH_MAX: usize = 256;
const OWNER: &str = "limit";

const SCHEMA: &str = "
    create table run (
        id bigint primary key, workflow_id text not null, type text not null, status text not null,
        input text not null, result text, started_at_ms bigint not null, closed_at_ms bigint);
    create table task (
        run_id bigint primary key, queue text not null, due_at_ms bigint not null, owner text);
    create index task_due on task (queue, due_at_ms) where owner is null;
    create table event (
        run_id bigint not null, sequence integer not null, type text not null, payload text not null,
        primary key (run_id, sequence));";
const INSERT_RUNS: &str = "
    insert into run (id, workflow_id, type, status, input, started_at_ms)
    select id, 'limit-' || id, 'Steps', 'RUNNING', '1', 0 from unnest($1::bigint[]) as id";
const INSERT_TASKS: &str = "
    insert into task (run_id, queue, due_at_ms) select id, 'default', 0 from unnest($1::bigint[]) as id";
const INSERT_EVENTS: &str = "
    insert into event (run_id, sequence, type, payload)
    select id, sequence + further, 'ActivityTaskCompleted', '{\"result\": 1}'
    from unnest($1::bigint[], $2::integer[]) as of_run (id, sequence), generate_series(0, 1) as further";
const CLAIM: &str = "
    update task set owner = $1 where run_id in (
        select run_id from task where queue = 'default' and owner is null and due_at_ms <= 0
        order by due_at_ms limit $2 for update skip locked)
    returning run_id";
const CLOSE_RUNS: &str =
    "update run set status = 'COMPLETED', result = '1', closed_at_ms = 1 where id = any($1::bigint[])";
const DELETE_TASKS: &str = "delete from task where run_id = any($1::bigint[])";

/// A run on its way.
#[derive(Debug)]
struct Run {
    id: i64,
    /// Events in its history.
    events: i32,
    steps_left: u32,
    ended: oneshot::Sender<()>,
}

/// What runs workflows by the unavoidable statements alone.
#[derive(Debug)]
pub(crate) struct Limit {
    accept: mpsc::UnboundedSender<Run>,
    next_id: AtomicI64,
    stages: JoinSet<Result<()>>,
}

impl Limit {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let mut stages = JoinSet::new();
        let schema = connect(url, &mut stages).await?;
        schema.batch_execute(SCHEMA).await?;
        drop(schema);
        let (accept, accepting) = mpsc::unbounded_channel();
        let (claim, claiming) = mpsc::unbounded_channel();
        let (step, stepping) = mpsc::unbounded_channel();
        let client = connect(url, &mut stages).await?;
        stages.spawn(accept_all(Accept::prepare(client).await?, accepting, claim));
        let client = connect(url, &mut stages).await?;
        let statement = client.prepare(CLAIM).await?;
        stages.spawn(claim_all(client, statement, claiming, step));
        let client = connect(url, &mut stages).await?;
        stages.spawn(step_all(Step::prepare(client).await?, stepping));
        Ok(Self { accept, next_id: AtomicI64::default(), stages })
    }

    pub(crate) async fn run_to_end(&self, steps: u32) -> Result<()> {
        let (ended, end) = oneshot::channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.accept
            .send(Run { id, events: 0, steps_left: steps, ended })
            .ok()
            .context("the limit has stopped")?;
        end.await.context("the limit has stopped")
    }

    pub(crate) async fn close(mut self) -> Result<()> {
        drop(self.accept);
        while let Some(result) = self.stages.join_next().await {
            result??;
        }
        Ok(())
    }
}

async fn connect(url: &str, tasks: &mut JoinSet<Result<()>>) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tasks.spawn(async move { Ok(connection.await?) });
    Ok(client)
}

/// Runs a statement for some runs. It is sent at the first poll, so that `try_join!` sends all of its before it waits.
async fn execute(
    client: &tokio_postgres::Client,
    statement: &Statement,
    ids: &Vec<i64>,
) -> Result<u64, tokio_postgres::Error> {
    client.execute(statement, &[ids]).await
}

/// Appends two events to each of some runs, the first of them as number so and so.
async fn append(
    client: &tokio_postgres::Client,
    statement: &Statement,
    (ids, sequences): (&Vec<i64>, &Vec<i32>),
) -> Result<u64, tokio_postgres::Error> {
    client.execute(statement, &[ids, sequences]).await
}

/// All that waits, at least one; `None` when nothing more will come.
async fn batch(runs: &mut mpsc::UnboundedReceiver<Run>) -> Option<Vec<Run>> {
    let mut batch = Vec::new();
    (runs.recv_many(&mut batch, BATCH_MAX).await > 0).then_some(batch)
}

struct Accept {
    client: tokio_postgres::Client,
    runs: Statement,
    tasks: Statement,
    events: Statement,
}

impl Accept {
    async fn prepare(client: tokio_postgres::Client) -> Result<Self> {
        let runs = client.prepare(INSERT_RUNS).await?;
        let tasks = client.prepare(INSERT_TASKS).await?;
        let events = client.prepare(INSERT_EVENTS).await?;
        Ok(Self { client, runs, tasks, events })
    }
}

async fn accept_all(
    accept: Accept,
    mut runs: mpsc::UnboundedReceiver<Run>,
    claim: mpsc::UnboundedSender<Run>,
) -> Result<()> {
    let Accept { client, runs: of_runs, tasks, events } = accept;
    while let Some(batch) = batch(&mut runs).await {
        let ids: Vec<i64> = batch.iter().map(|run| run.id).collect();
        let sequences: Vec<i32> = batch.iter().map(|run| run.events + 1).collect();
        tokio::try_join!(
            biased;
            client.batch_execute("begin"),
            execute(&client, &of_runs, &ids),
            execute(&client, &tasks, &ids),
            append(&client, &events, (&ids, &sequences)),
            client.batch_execute("commit"),
        )?;
        for run in batch {
            claim.send(Run { events: run.events + 2, ..run }).ok().context("claiming has stopped")?;
        }
    }
    Ok(())
}

async fn claim_all(
    client: tokio_postgres::Client,
    statement: Statement,
    mut runs: mpsc::UnboundedReceiver<Run>,
    step: mpsc::UnboundedSender<Run>,
) -> Result<()> {
    let limit = i64::try_from(BATCH_MAX)?;
    let mut accepted = HashMap::new();
    loop {
        if accepted.is_empty() {
            let Some(batch) = batch(&mut runs).await else { return Ok(()) };
            accepted.extend(batch.into_iter().map(|run| (run.id, run)));
        }
        for row in client.query(&statement, &[&OWNER, &limit]).await? {
            let id: i64 = row.get(0);
            // A row may be claimed before it was told of.
            while !accepted.contains_key(&id) {
                let run = runs.recv().await.context("accepting has stopped")?;
                accepted.insert(run.id, run);
            }
            let run = accepted.remove(&id).context("a run was claimed twice")?;
            step.send(run).ok().context("stepping has stopped")?;
        }
    }
}

struct Step {
    client: tokio_postgres::Client,
    events: Statement,
    close: Statement,
    delete: Statement,
}

impl Step {
    async fn prepare(client: tokio_postgres::Client) -> Result<Self> {
        let events = client.prepare(INSERT_EVENTS).await?;
        let close = client.prepare(CLOSE_RUNS).await?;
        let delete = client.prepare(DELETE_TASKS).await?;
        Ok(Self { client, events, close, delete })
    }
}

async fn step_all(step: Step, mut runs: mpsc::UnboundedReceiver<Run>) -> Result<()> {
    let Step { client, events, close, delete } = step;
    // Their last step is durable, so the next may be done.
    let mut going_on: Vec<Run> = Vec::new();
    loop {
        if going_on.is_empty() {
            let Some(batch) = batch(&mut runs).await else { return Ok(()) };
            going_on = batch;
        }
        while let Ok(run) = runs.try_recv() {
            going_on.push(run);
        }
        let ids: Vec<i64> = going_on.iter().map(|run| run.id).collect();
        let sequences: Vec<i32> = going_on.iter().map(|run| run.events + 1).collect();
        let closing: Vec<i64> = going_on.iter().filter(|run| run.steps_left == 1).map(|run| run.id).collect();
        let end = async {
            if !closing.is_empty() {
                tokio::try_join!(
                    biased;
                    execute(&client, &close, &closing),
                    execute(&client, &delete, &closing),
                )?;
            }
            Ok(())
        };
        tokio::try_join!(
            biased;
            client.batch_execute("begin"),
            append(&client, &events, (&ids, &sequences)),
            end,
            client.batch_execute("commit"),
        )?;
        let (ended, left): (Vec<_>, Vec<_>) = going_on.into_iter().partition(|run| run.steps_left == 1);
        for run in ended {
            // Nobody waits for the end of a run whose load has failed.
            let _ = run.ended.send(());
        }
        going_on = left;
        for run in &mut going_on {
            run.events += 2;
            run.steps_left -= 1;
        }
    }
}
