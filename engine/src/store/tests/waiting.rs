use std::collections::BTreeMap;

use super::{NOW, claimed, namespace, on_both, started};
use crate::{
    clock::Timestamp,
    ids::WorkerId,
    store::{Store, TaskKind, WaitingTasks},
};

on_both! {
    due_tasks_without_a_worker_are_counted_by_queue_and_type,
    runs_under_an_expired_lease_are_counted_by_worker,
}

async fn due_tasks_without_a_worker_are_counted_by_queue_and_type(store: &Store) {
    started(store, "a").await;
    started(store, "b").await;
    let before = Timestamp(NOW.0 - 1);
    assert_eq!(store.waiting_tasks(&namespace(), before, 10).await.unwrap(), []);
    let waiting = WaitingTasks {
        task_queue: "q".into(),
        kind: TaskKind::Workflow,
        task_type: "t".into(),
        count: 2,
        oldest_since: NOW,
    };
    assert_eq!(store.waiting_tasks(&namespace(), NOW, 10).await.unwrap(), [waiting]);
    claimed(store, WorkerId::new()).await;
    assert_eq!(store.waiting_tasks(&namespace(), NOW, 10).await.unwrap(), []);
}

async fn runs_under_an_expired_lease_are_counted_by_worker(store: &Store) {
    started(store, "a").await;
    started(store, "b").await;
    let worker = WorkerId::new();
    claimed(store, worker).await;
    let lost = async |now, alive: &[WorkerId]| store.runs_of_lost_workers(now, alive).await.unwrap();
    assert_eq!(lost(NOW, &[]).await, BTreeMap::new());
    assert_eq!(lost(Timestamp::NEVER, &[]).await, BTreeMap::from([(worker, 2)]));
    assert_eq!(lost(Timestamp::NEVER, &[worker]).await, BTreeMap::new());
}
