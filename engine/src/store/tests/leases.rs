//! Who is lost, judged by the database where something is taken from him.

use std::{collections::BTreeMap, time::Duration};

use super::{NOW, activity, claimed, lease, registered, started, step};
use crate::{
    clock::Timestamp,
    ids::{RunId, WorkerId},
    store::{
        ActivityReport, AttemptEnd, RemoveWorkers, RenewLease, ReportOutput, Reporter, Rescue,
        RescueWorkflowTasks, Step, Store,
    },
    testing::TestStore,
};

const LEASE: Duration = Duration::from_secs(60);
const OVER: Duration = Duration::ZERO;
/// What the clocks of other processes show.
const CLOCKS: [Timestamp; 3] = [Timestamp(0), NOW, Timestamp(i64::MAX / 2)];

fn renewal(worker_id: WorkerId, lasts: Duration) -> RenewLease {
    RenewLease { worker_id, now: NOW, lasts, slots_used: 0, draining: false, clock_offset_ms: None }
}

/// A run and an activity that a worker holds.
async fn held(store: &Store, worker: WorkerId) -> RunId {
    let run = started(store, &worker.to_string()).await;
    let task = claimed(store, worker).await.remove(0);
    let scheduled = vec![activity(2, Some(worker))];
    store.write(Step { scheduled, ..step(worker, &task, 2) }).await.unwrap();
    run
}

async fn rescued(store: &Store, workers: &[WorkerId]) -> BTreeMap<WorkerId, usize> {
    let which = Rescue::Lost(workers.to_vec());
    store.write(RescueWorkflowTasks { now: CLOCKS[2], which }).await.unwrap().runs
}

async fn ends(store: &Store, run_id: RunId, worker: WorkerId) -> ReportOutput {
    let report = ActivityReport {
        lease: lease(run_id, 2, Some(worker)),
        end: AttemptEnd::Lost { failure: "{}".into(), expires_at: None },
        now: CLOCKS[2],
        reporter: Reporter::TakesOver,
    };
    store.write(report).await.unwrap()
}

/// Waits until a lease that lasts for no time is over by the clock of the server, which counts milliseconds.
async fn until_lost(store: &Store, worker: WorkerId) {
    while !store.lost_workers(NOW).await.unwrap().contains(&worker) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_clock_of_a_process_says_nothing_about_the_leases_of_others() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let (alive, lost) = (WorkerId::new(), WorkerId::new());
    for (worker, lasts) in [(alive, LEASE), (lost, OVER)] {
        registered(store, worker, lasts).await;
        held(store, worker).await;
    }
    until_lost(store, lost).await;
    for clock in CLOCKS {
        assert_eq!(store.lost_workers(clock).await.unwrap(), [lost], "{clock:?}");
    }
    assert_eq!(rescued(store, &[alive, lost]).await, BTreeMap::from([(lost, 1)]));
}

#[tokio::test]
async fn what_was_found_lost_is_not_taken_from_a_worker_that_has_come_back() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let worker = WorkerId::new();
    registered(store, worker, OVER).await;
    let run = held(store, worker).await;
    until_lost(store, worker).await;
    store.write(renewal(worker, LEASE)).await.unwrap();
    assert_eq!(rescued(store, &[worker]).await, BTreeMap::new());
    assert_eq!(ends(store, run, worker).await, ReportOutput::Refused);
    let held = store.write(renewal(worker, OVER)).await.unwrap();
    assert!(held.runs.contains_key(&run) && held.activities.contains_key(&(run, 2)), "{held:?}");
    until_lost(store, worker).await;
    assert_eq!(rescued(store, &[worker]).await, BTreeMap::from([(worker, 1)]));
    assert!(matches!(ends(store, run, worker).await, ReportOutput::Accepted(_)));
}

#[tokio::test]
async fn one_process_takes_over_from_a_lost_worker() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let worker = WorkerId::new();
    registered(store, worker, OVER).await;
    held(store, worker).await;
    until_lost(store, worker).await;
    let which = || Rescue::Lost(vec![worker]);
    let rescue = |which| store.write(RescueWorkflowTasks { now: NOW, which });
    assert_eq!(rescue(which()).await.unwrap().workers, [worker]);
    assert_eq!(rescue(which()).await.unwrap().workers, [], "another process has it");
    assert_eq!(store.lost_workers(NOW).await.unwrap(), []);
}

#[tokio::test]
async fn a_worker_of_the_former_version_holds_what_its_rows_say() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let worker = WorkerId::new();
    registered(store, worker, OVER).await;
    let run = held(store, worker).await;
    store.execute("UPDATE worker SET lease_expires_at_ms = NULL").await;
    let renewed = |ends: &str| {
        format!(
            "UPDATE workflow_task SET lease_expires_at_ms = {ends}; UPDATE activity_task SET lease_expires_at_ms = {ends}"
        )
    };
    store.execute(&renewed("9000000000000")).await;
    assert_eq!(rescued(store, &[worker]).await, BTreeMap::new());
    assert_eq!(store.expired_activities(&[worker], NOW, 10).await.unwrap().activities.len(), 0);
    store.execute(&renewed("1")).await;
    store.execute("UPDATE worker SET takeover_ends_at_ms = NULL").await;
    assert_eq!(rescued(store, &[worker]).await, BTreeMap::from([(worker, 1)]));
    assert!(matches!(ends(store, run, worker).await, ReportOutput::Accepted(_)));
}

#[tokio::test]
async fn a_worker_that_holds_something_keeps_its_row() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let (holds, idle) = (WorkerId::new(), WorkerId::new());
    for worker in [holds, idle] {
        registered(store, worker, LEASE).await;
    }
    held(store, holds).await;
    for worker in [holds, idle] {
        store.write(RemoveWorkers::Stopped(worker)).await.unwrap();
    }
    let known = store.worker_identities(&[holds, idle]).await.unwrap();
    assert_eq!(known.into_keys().collect::<Vec<_>>(), [holds]);
    assert_eq!(store.lost_workers(NOW).await.unwrap(), [holds], "others take over at once");
}

#[tokio::test]
async fn nothing_in_a_file_is_taken_by_the_clock() {
    let database = TestStore::sqlite().await;
    let store = &database.store;
    let worker = WorkerId::new();
    registered(store, worker, OVER).await;
    let alive = store.add_local_worker(worker);
    held(store, worker).await;
    for clock in CLOCKS {
        assert_eq!(store.lost_workers(clock).await.unwrap(), []);
    }
    drop(alive);
    assert_eq!(store.lost_workers(NOW).await.unwrap(), [worker], "nobody else can be it");
}
