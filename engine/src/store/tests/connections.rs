//! What becomes of reads and writes when a connection breaks, or when much is asked at once.

use std::sync::atomic::Ordering;

use futures_util::future::{join_all, try_join_all};
use sea_orm::ConnectionTrait;

use super::{NOW, namespace, on_both};
use crate::{
    client::{Caller, Visibility, WorkflowTarget},
    ids::RunId,
    store::{Store, write::message::NewMessage},
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
