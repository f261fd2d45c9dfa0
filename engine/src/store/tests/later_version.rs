//! What a process of the former version still does once a later one has migrated the database.

use super::{NOW, on_both};
use crate::store::{Error, Store};

on_both!(a_later_version_keeps_no_worker_from_its_leases);

const LATER: &str = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";

async fn a_later_version_keeps_no_worker_from_its_leases(store: &Store) {
    store.execute(LATER).await;
    assert!(matches!(store.ready(NOW).await, Err(Error::Newer { .. })));
    store.can_renew_leases(NOW).await.unwrap();
}
