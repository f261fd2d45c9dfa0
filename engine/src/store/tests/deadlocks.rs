//! Two processes that write to the same runs at the same time.

use std::time::Duration;

use ctutor_tests::postgres::create_database;
use futures_util::future::try_join_all;
use tokio::time::timeout;

use super::{NOW, activity, claim, lease, start, step};
use crate::{
    history::{WorkflowExecutionCancelRequested, WorkflowExecutionTerminated},
    ids::{RunId, WorkerId},
    store::{
        ACTIVITY_CLOSED, ActivityReport, AttemptEnd, CancelRun, Claim, ClaimActivityTasks,
        ClaimWorkflowTasks, ClaimedWorkflowTask, CloseRun, DatabaseOptions, Error, RenewLease, Replaces,
        Reporter, Start, Step, Store, StoredHeartbeat,
        write::{Operation, message::NewMessage},
    },
};

const RUNS: usize = 40;
/// Activities of a run.
const FAN_OUT: i64 = 4;
const ROUNDS: i64 = 12;

/// A process: its store and the worker in it.
struct Process {
    store: Store,
    worker: WorkerId,
}

impl Process {
    async fn connect(url: String) -> Self {
        Self { store: Store::connect(&DatabaseOptions::new(url)).await.unwrap(), worker: WorkerId::new() }
    }

    /// Writes all of them at once, so that they come into few transactions.
    async fn all<O: crate::store::batch::Submit>(&self, items: Vec<O>) -> Vec<<O as Operation>::Output> {
        let outputs: Result<Vec<_>, Error> =
            try_join_all(items.into_iter().map(|item| self.store.write(item))).await;
        outputs.unwrap()
    }

    async fn renew(&self) {
        let renewal = RenewLease {
            worker_id: self.worker,
            now: NOW,
            lasts: Duration::from_secs(8),
            slots_used: 0,
            draining: false,
            clock_offset_ms: None,
        };
        self.store.write(renewal).await.unwrap();
    }

    async fn claim(&self) {
        let claim = || Claim { task_queues: vec!["other".into()], ..claim(self.worker) };
        self.store.write(ClaimActivityTasks(claim())).await.unwrap();
        self.store.write(ClaimWorkflowTasks(claim())).await.unwrap();
    }
}

/// The holder of the runs: it commits a step of each, in this order.
async fn steps(process: &Process, tasks: &[ClaimedWorkflowTask], round: i64) {
    let first = 2 + round * (FAN_OUT + 1);
    let steps = tasks.iter().map(|task| Step {
        scheduled: (0..FAN_OUT).map(|n| activity(first + n, Some(WorkerId(task.run_id.0)))).collect(),
        cancel_requested: if round > 0 { vec![first - FAN_OUT - 1] } else { Vec::new() },
        events: (0..=FAN_OUT).map(|n| super::timer(first + n)).collect(),
        ..step(process.worker, task, first)
    });
    process.all(steps.collect()).await;
}

/// Those who run the activities: heartbeats, and the ends of some.
async fn activities(process: &Process, runs: &[RunId], round: i64) {
    let first = 2 + round * (FAN_OUT + 1);
    let leases =
        runs.iter().flat_map(|run| (0..FAN_OUT).map(|n| lease(*run, first + n, Some(WorkerId(run.0)))));
    let leases: Vec<_> = leases.collect();
    let heartbeats = leases.iter().map(|lease| StoredHeartbeat {
        lease: *lease,
        sequence: round,
        checkpoint: None,
        progress: Some("{}".into()),
        at: NOW,
    });
    let reports = leases.iter().step_by(2).map(|lease| ActivityReport {
        lease: *lease,
        end: AttemptEnd::Close { kind: ACTIVITY_CLOSED, body: "{}".into() },
        now: NOW,
        reporter: Reporter::Owner,
    });
    let messages =
        runs.iter().map(|run| NewMessage { run_id: *run, kind: "Any", body: "{}".into(), now: NOW });
    tokio::join!(
        process.all(heartbeats.collect()),
        process.all(reports.collect()),
        process.all(messages.collect())
    );
}

/// Starts under IDs that both processes use, which end what the other has started.
async fn replacements(process: &Process, round: i64, backwards: bool) {
    let event = WorkflowExecutionTerminated { reason: None, identity: None };
    let replaces = || Some(Box::new(Replaces { of: None, event: event.clone() }));
    let mut starts: Vec<Start> = (0..8)
        .map(|number| Start {
            task_queue: "other".into(),
            replaces: replaces(),
            request_id: Some(format!("{number}")),
            caller: format!("{round}"),
            ..start(&format!("shared {number}"))
        })
        .collect();
    if backwards {
        starts.reverse();
    }
    process.all(starts).await;
}

async fn ends(process: &Process, runs: &[RunId]) {
    let request = WorkflowExecutionCancelRequested { reason: None, identity: None };
    let cancels = runs.iter().map(|run_id| CancelRun { run_id: *run_id, request: request.clone(), now: NOW });
    let closes = runs.iter().step_by(2).map(|run_id| CloseRun {
        run_id: *run_id,
        status: "TERMINATED",
        event: WorkflowExecutionTerminated { reason: None, identity: None }.into(),
        failure: None,
        now: NOW,
    });
    tokio::join!(process.all(cancels.collect()), process.all(closes.collect()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_never_wait_for_each_other() {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    let one = Process::connect(database.url()).await;
    one.store.migrate().await.unwrap();
    let two = Process::connect(database.url()).await;
    let starts: Vec<Start> = (0..RUNS).map(|number| start(&number.to_string())).collect();
    let runs: Vec<RunId> = starts.iter().map(|start| RunId(start.run_id)).collect();
    one.all(starts).await;
    let all = Claim { at_most: u32::try_from(RUNS).unwrap(), ..claim(one.worker) };
    let tasks = one.store.write(ClaimWorkflowTasks(all)).await.unwrap();
    assert_eq!(tasks.len(), RUNS);
    // Each process has an order of its own.
    let backwards: Vec<RunId> = runs.iter().rev().copied().collect();

    let traffic = async {
        for round in 0..ROUNDS {
            steps(&one, &tasks, round).await;
            tokio::join!(
                activities(&one, &runs, round),
                activities(&two, &backwards, round),
                replacements(&one, round, false),
                replacements(&two, round + ROUNDS, true),
                one.renew(),
                two.renew(),
                one.claim(),
                two.claim(),
            );
        }
        tokio::join!(ends(&one, &runs), ends(&two, &backwards), activities(&two, &runs, ROUNDS - 1));
    };
    timeout(Duration::from_secs(120), traffic).await.unwrap();

    // A session tells what it counted when it ends.
    for process in [one, two] {
        process.store.reader.inner.clone().close().await.unwrap();
        process.store.database.clone().close().await.unwrap();
    }
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while database.sql(others).unwrap().trim() != "0" {
        tokio::task::yield_now().await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.sql(deadlocks).unwrap().trim(), "0");
}
