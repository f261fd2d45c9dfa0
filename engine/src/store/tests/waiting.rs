use futures_util::future::try_join_all;

use super::{NOW, activity, claimed, namespace, on_both, start, started, step};
use crate::{
    clock::Timestamp,
    ids::WorkerId,
    store::{
        NewActivityTask, Start, Step, Store, TaskKind, WaitingTasks, read::waiting::waiting_of, sql::Dialect,
    },
};

on_both! {
    due_tasks_without_a_worker_are_counted_by_queue_and_type,
    tasks_of_runs_that_sleep_are_not_gone_over,
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

async fn tasks_of_runs_that_sleep_are_not_gone_over(store: &Store) {
    const ASLEEP: i64 = 2_000;
    let later = Timestamp(NOW.0 + 1_000_000);
    started(store, "awake").await;
    let worker = WorkerId::new();
    let task = claimed(store, worker).await.remove(0);
    let scheduled =
        (0..ASLEEP).map(|number| NewActivityTask { scheduled_at: later, ..activity(number, None) });
    store.write(Step { scheduled: scheduled.collect(), ..step(worker, &task, 2) }).await.unwrap();
    let asleep =
        (0..ASLEEP).map(|number| Start { visible_at_ms: later, ..start(&format!("asleep {number}")) });
    try_join_all(asleep.map(|start| store.write(start))).await.unwrap();
    started(store, "due").await;

    for kind in [TaskKind::Workflow, TaskKind::Activity] {
        for analyzed in [false, true] {
            if analyzed {
                store.execute("ANALYZE").await;
            }
            let sql = waiting_of(store.reader.dialect, kind, 10);
            let plan = store.plan(&sql, vec!["default".into(), NOW.0.into()]).await;
            let (strides, scans) = match store.reader.dialect {
                Dialect::Postgres => {
                    ("(priority = lane.priority) AND (visible_at_ms <= ", ["Seq Scan on", "JIT"])
                }
                Dialect::Sqlite => (
                    "(namespace=? AND task_queue=? AND priority=? AND visible_at_ms<?)",
                    ["SCAN t", "AUTOMATIC"],
                ),
            };
            let index_condition = plan.lines().find(|line| line.contains(strides));
            assert!(index_condition.is_some_and(|line| !line.contains("Filter")), "{plan}");
            assert!(!scans.iter().any(|scan| plan.contains(scan)), "{plan}");
        }
    }
}
