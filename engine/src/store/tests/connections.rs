//! What becomes of reads and writes when a connection breaks, or when much is asked at once.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::{join_all, try_join_all};
use sea_orm::ConnectionTrait;

use super::{NOW, namespace, on_both};
use crate::{
    ids::RunId,
    model::{Caller, Visibility, WorkflowTarget},
    store::{DatabaseOptions, Error, Store, write::message::NewMessage},
    testing::TestStore,
};

on_both! { much_at_once_is_written_in_several_transactions }

#[tokio::test]
async fn reads_go_on_when_all_their_connections_broke() {
    const READS: usize = 32;
    let database = TestStore::postgres().await;
    let store = &database.store;
    let run = super::started(store, "a").await;
    let caller = Caller { subject: "root".into(), visibility: Visibility::All };
    let (namespace, target) = (namespace(), WorkflowTarget::Run(run));
    let read = || async { store.execution(&namespace, &caller, &target).await.unwrap().is_some() };
    let reads = || join_all((0..READS).map(|_| read()));
    assert_eq!(reads().await, [true; READS]);
    let broken = store
        .database
        .execute_unprepared(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    assert!(broken.rows_affected() > 1, "{broken:?}");
    assert_eq!(reads().await, [true; READS]);
}

#[tokio::test]
async fn a_database_that_hangs_counts_as_away() {
    let database = TestStore::postgres().await;
    let run_id = super::started(&database.store, "a").await;
    let store = database.impatient().await;
    let message = || NewMessage { run_id, kind: "Any", body: "{}".to_owned(), now: NOW };
    let held = database.store.begin().await;
    held.execute_unprepared("LOCK TABLE workflow_task, history_event IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    assert!(store.history(run_id, 0, 1, &[]).await.unwrap_err().is_unavailable());
    let (one, two) = tokio::join!(store.write(message()), store.write(message()));
    assert!(one.unwrap_err().is_unavailable() && two.unwrap_err().is_unavailable());
    held.rollback().await.unwrap();
    assert_eq!(store.history(run_id, 0, 9, &[]).await.unwrap().len(), 1);
    assert!(store.write(message()).await.unwrap().is_some());
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite:{}", folder.path().join("missing/test.db").display());
    let error = Store::connect(&DatabaseOptions::new(missing)).await.unwrap_err();
    assert!(matches!(&error, Error::File { reason, .. } if reason.contains("No such file")), "{error}");
    // Port 1 is nobody's.
    let url = "postgres://ada:s3cret@127.0.0.1:1/ctutor";
    let options = DatabaseOptions { acquire_timeout: Duration::ZERO, ..DatabaseOptions::new(url) };
    let error = Store::connect(&options).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let said = format!("{error:?}");
    assert!(said.contains("refused") && !said.contains("s3cret"), "{said}");
}

async fn much_at_once_is_written_in_several_transactions(store: &Store) {
    const MESSAGES: usize = 40;
    let run_id: RunId = super::started(store, "a").await;
    let transactions = || store.counters().transactions.load(Ordering::Relaxed);
    let before = transactions();
    let message = || NewMessage { run_id, kind: "Large", body: "x".repeat(1024 * 1024), now: NOW };
    try_join_all((0..MESSAGES).map(|_| store.write(message()))).await.unwrap();
    // The first may have gone alone, and the rest takes three of at most 16 MiB.
    assert!(transactions() - before >= 3, "{}", transactions() - before);
    assert_eq!(store.inboxes(&[run_id]).await.unwrap().len(), MESSAGES);
}
