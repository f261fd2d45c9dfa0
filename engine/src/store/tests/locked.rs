//! Rows that somebody else has locked and does not let go: an administrator in `psql`, or a process whose machine has
//! lost its network.

use std::{sync::atomic::Ordering, time::Duration};

use ctutor_tests::wait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use serde_json::Value;
use tokio::time::timeout;

use super::{NOW, activity, claimed, registered, start, started, step};
use crate::{
    ids::{RunId, WorkerId},
    log::outage::Duty,
    store::{Error, RenewLease, StartOutput, Step, StepOutput, write::message::NewMessage},
    testing::{LogLines, TestStore},
};

const CLAIM: Duty = Duty::repeated("claiming");

/// Longest time for what has nothing to do with the locked rows.
const OTHERS: Duration = Duration::from_secs(5);

const LEASE: Duration = Duration::from_secs(8);

/// A session without any of our settings, which locks the workflow task of a run and falls silent.
async fn lock_silently(database: &TestStore, run_id: RunId) -> DatabaseTransaction {
    let lock = format!("SELECT 1 FROM workflow_task WHERE run_id = '{}' FOR UPDATE", run_id.0);
    silent_after(database, &lock).await
}

/// A session without any of our settings, which begins a transaction with this statement and falls silent.
async fn silent_after(database: &TestStore, statement: &str) -> DatabaseTransaction {
    let administrator = sea_orm::Database::connect(database.url()).await.unwrap();
    let silent = administrator.begin().await.unwrap();
    silent.execute_unprepared("SET application_name = 'forgotten'").await.unwrap();
    silent.execute_unprepared(statement).await.unwrap();
    silent
}

/// The session of a transaction, as messages name it.
async fn named(silent: &DatabaseTransaction) -> String {
    let statement =
        sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, "SELECT pg_backend_pid() AS pid");
    let pid: i32 = silent.query_one_raw(statement).await.unwrap().unwrap().try_get("", "pid").unwrap();
    format!("the session with PID {pid} (`forgotten`)")
}

async fn nth_line(lines: &LogLines, text: &str, number: usize) -> Value {
    let line = wait::until_async(text, async || Ok(lines.containing(text).into_iter().nth(number)));
    line.await.unwrap()
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

#[tokio::test]
async fn a_locked_run_is_told_once_with_the_session_and_what_to_do_and_is_no_outage() {
    const LINE: &str = "has locked the workflow task";
    let lines = LogLines::catch();
    let database = TestStore::postgres().await;
    let store = &database.store;
    let (first, second) = (started(store, "first").await, started(store, "second").await);
    let holds_first = lock_silently(&database, first).await;
    let error = store.write(message(first)).await.unwrap_err();
    assert!(matches!(error, Error::RunLocked(_)) && error.is_unavailable(), "{error:?}");
    let line = nth_line(&lines, LINE, 0).await;
    let told = line["message"].as_str().unwrap();
    let beginning =
        format!("{} has locked the workflow task of workflow `first`;", named(&holds_first).await);
    assert!(told.starts_with(&beginning), "{told}");
    assert!(told.contains("SELECT pg_terminate_backend(PID)"), "{told}");
    assert_eq!(line["sqlstate"], "55P03", "{line:#}");

    // Another one, locked by somebody else.
    let holds_second = lock_silently(&database, second).await;
    store.write(message(second)).await.unwrap_err();
    let line = nth_line(&lines, LINE, 1).await;
    let beginning =
        format!("{} has locked the workflow task of workflow `second`;", named(&holds_second).await);
    assert!(line["message"].as_str().unwrap().starts_with(&beginning), "{line:#}");
    for run_id in [first, second, first, second] {
        let error = store.write(message(run_id)).await.unwrap_err();
        store.failed(CLAIM, &error, NOW).await;
    }
    assert_eq!(lines.containing(LINE).len(), 2, "each is told once");
    assert_eq!(lines.containing("cannot be used").len(), 0, "the database can be used");
    holds_first.rollback().await.unwrap();
    holds_second.rollback().await.unwrap();
    assert!(store.write(message(first)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_table_that_is_locked_for_long_makes_unready_and_is_told_with_the_session() {
    let lines = LogLines::catch();
    let database = TestStore::postgres().await;
    let store = &database.store;
    let silent = silent_after(&database, "LOCK TABLE workflow_execution IN ACCESS EXCLUSIVE MODE").await;
    let says = format!(
        "the table `workflow_execution` can be used by {} alone (SQLSTATE 55P03)",
        named(&silent).await
    );
    assert!(store.ready(NOW).await.is_ok(), "it may be for a moment");
    let error = store.ready(NOW + Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, Error::TablesLocked(_)), "{error:?}");
    assert_eq!(error.to_string(), says);

    let error = store.write(start("other")).await.unwrap_err();
    store.failed(CLAIM, &error, NOW).await;
    let told = lines.containing("cannot be used");
    let [line] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((&line["error"], &line["sqlstate"]), (&says.into(), &"55P03".into()));
    assert!(line["message"].as_str().unwrap().contains("pg_terminate_backend(PID)"), "{line:#}");

    silent.rollback().await.unwrap();
    assert!(store.ready(NOW + Duration::from_secs(6)).await.is_ok(), "it is free at once");
}

#[tokio::test]
async fn what_holds_no_write_up_leaves_ready() {
    let database = TestStore::postgres().await;
    let store = &database.store;
    let silent = silent_after(&database, "LOCK TABLE message IN SHARE UPDATE EXCLUSIVE MODE").await;
    for seconds in [0, 10] {
        assert!(store.ready(NOW + Duration::from_secs(seconds)).await.is_ok(), "a vacuum locks like that");
    }
    silent.rollback().await.unwrap();
}

#[tokio::test]
async fn a_group_commit_that_failed_tells_what_became_of_its_items() {
    let lines = LogLines::catch();
    let database = TestStore::postgres().await;
    let store = &database.store;
    let run = started(store, "a").await;
    let refused = NewMessage { body: "\0".to_owned(), ..message(run) };
    let both = store.try_enqueue_both(message(run), refused).unwrap();
    let (written, refused) = tokio::join!(both.0, both.1);
    assert!(written.unwrap().is_some() && refused.is_err());
    let line = nth_line(&lines, "a group commit failed", 0).await;
    assert_eq!((&line["items"], &line["written"]), (&2.into(), &1.into()), "{line:#}");
    assert!(line["sqlstate"].as_str().unwrap().starts_with("22"), "{line:#}");
    let told = line["message"].as_str().unwrap();
    assert!(
        told.contains("1 of 2 were written, and who asked for the rest was told that it failed"),
        "{told}"
    );
}
