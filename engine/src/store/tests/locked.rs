//! Rows that somebody else has locked and does not let go: an administrator in `psql`, or a process whose machine has
//! lost its network.

use std::{sync::atomic::Ordering, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use tokio::time::timeout;

use super::{NOW, activity, claimed, registered, start, started, step};
use crate::{
    ids::{RunId, WorkerId},
    store::{RenewLease, StartOutput, Step, StepOutput, write::message::NewMessage},
    testing::TestStore,
};

/// Longest time for what has nothing to do with the locked rows.
const OTHERS: Duration = Duration::from_secs(5);

const LEASE: Duration = Duration::from_secs(8);

/// A session without any of our settings, which locks the workflow task of a run and falls silent.
async fn lock_silently(database: &TestStore, run_id: RunId) -> DatabaseTransaction {
    let administrator = sea_orm::Database::connect(database.url()).await.unwrap();
    let silent = administrator.begin().await.unwrap();
    let lock = format!("SELECT 1 FROM workflow_task WHERE run_id = '{}' FOR UPDATE", run_id.0);
    silent.execute_unprepared(&lock).await.unwrap();
    silent
}

fn message(run_id: RunId) -> NewMessage {
    NewMessage { run_id, kind: "Any", body: "{}".to_owned(), now: NOW }
}

#[tokio::test]
async fn a_row_that_somebody_has_locked_holds_up_only_its_run() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let worker = WorkerId::new();
    let (locked, free) = (started(store, "locked").await, started(store, "free").await);
    let tasks = claimed(store, worker).await;
    let task = |run_id| tasks.iter().find(|task| task.run_id == run_id).unwrap();
    let silent = lock_silently(&database, locked).await;
    let writes = async {
        tokio::join!(
            store.write(step(worker, task(locked), 2)),
            store.write(start("other")),
            store.write(step(worker, task(free), 2)),
            store.write(message(locked)),
            store.write(message(free)),
        )
    };
    let (step_of_locked, other, step_of_free, to_locked, to_free) = timeout(OTHERS, writes).await.unwrap();
    for error in [step_of_locked.unwrap_err(), to_locked.unwrap_err()] {
        assert!(error.is_unavailable() && error.code().as_deref() == Some("55P03"), "{error:?}");
    }
    assert_eq!(other.unwrap(), StartOutput::Created);
    assert!(matches!(step_of_free.unwrap(), StepOutput::Committed { .. }));
    assert!(to_free.unwrap().is_some());
    assert!(store.ready(NOW).await.is_ok(), "one row says nothing of the database");
    // Who tries again holds up nobody any more: nothing is begun for it.
    let begun = || store.counters().begun.load(Ordering::Relaxed);
    let before = begun();
    for _ in 0..9 {
        assert_eq!(store.write(message(locked)).await.unwrap_err().code().as_deref(), Some("55P03"));
    }
    assert!(begun() - before <= 9, "{}", begun() - before);

    silent.rollback().await.unwrap();
    let next = store.write(step(worker, task(locked), 2)).await.unwrap();
    assert!(matches!(next, StepOutput::Committed { .. }));
}

#[tokio::test]
async fn renewals_wait_neither_for_the_writer_nor_for_a_locked_row() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let worker = WorkerId::new();
    registered(store, worker, LEASE).await;
    let (locked, free) = (started(store, "locked").await, started(store, "free").await);
    let tasks = claimed(store, worker).await;
    let task = tasks.iter().find(|task| task.run_id == free).unwrap();
    let schedules = Step { scheduled: vec![activity(2, Some(worker))], ..step(worker, task, 2) };
    store.write(schedules).await.unwrap();
    let silent = lock_silently(&database, locked).await;

    let renewal = RenewLease {
        worker_id: worker,
        now: NOW,
        lasts: LEASE,
        slots_used: 0,
        draining: false,
        clock_offset_ms: None,
    };
    let held = tokio::select! {
        biased;
        to_locked = store.write(message(locked)) => panic!("the row is locked: {to_locked:?}"),
        held = store.write(renewal) => held.unwrap(),
    };
    assert!(held.runs.contains_key(&locked) && held.runs.contains_key(&free), "{held:?}");
    assert!(held.activities.contains_key(&(free, 2)) && held.registered, "{held:?}");
    assert_eq!(store.lost_workers(NOW).await.unwrap(), []);
    silent.rollback().await.unwrap();
}

#[tokio::test]
async fn every_session_bounds_what_a_lost_peer_can_hold() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let migrator = store.connector.migrator().await.unwrap().unwrap();
    let of = async |sessions: &sea_orm::DatabaseConnection| {
        let sql = "SELECT current_setting('idle_in_transaction_session_timeout') || ' ' \
                   || current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' \
                   || current_setting('synchronous_commit') || ' ' || reset_val || ' ' || source AS settings \
                   FROM pg_settings WHERE name = 'tcp_user_timeout'";
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        let row = sessions.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get::<String>("", "settings").unwrap()
    };
    assert_eq!(of(&store.database).await, "5s 1500ms 3600ms on 5000 client");
    assert_eq!(of(&store.reader.inner).await, "5s 5s 27s on 5000 client");
    assert_eq!(of(&migrator).await, "1min 10s 0 on 5000 client");
}
