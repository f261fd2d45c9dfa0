//! What becomes of sessions, reads and writes when the server is another one, or refuses.

use std::time::Duration;

use ctutor_tests::postgres::{Database, create_database};
use sea_orm::{ConnectionTrait, TransactionTrait};

use super::NOW;
use crate::{
    clock::Timestamp,
    ids::RunId,
    store::{DatabaseOptions, Error, Store, readiness::incompressible, write::message::NewMessage},
};

/// A migrated database, and a store that was opened after a statement on it.
async fn after(statement: &str) -> (Database, Store) {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    Store::connect(&DatabaseOptions::new(database.url())).await.unwrap().migrate().await.unwrap();
    alter(&database, statement);
    let store = Store::connect(&DatabaseOptions::new(database.url())).await.unwrap();
    (database, store)
}

/// Settings of the database hold for sessions that are opened later, as after a failover.
fn alter(database: &Database, statement: &str) {
    let name = database.sql("SELECT current_database()").unwrap();
    let sql = format!("BEGIN READ WRITE; ALTER DATABASE \"{}\" {statement}; COMMIT", name.trim());
    database.sql(&sql).unwrap();
}

fn message() -> NewMessage {
    NewMessage { run_id: RunId(uuid::Uuid::nil()), kind: "Any", body: "{}".to_owned(), now: NOW }
}

#[tokio::test]
async fn sessions_that_are_read_only_after_a_failover_are_replaced_at_once() {
    let (database, store) = after("SET default_transaction_read_only = on").await;
    assert!(matches!(store.ready(NOW).await, Err(Error::ReadOnly)));
    let error = store.write(message()).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly), "{error:?}");
    assert!(error.is_unavailable() && error.changed_nothing());
    // Of a read it is not known what was written before it.
    let error = store.history(RunId(uuid::Uuid::nil()), 0, 1, &[]).await.unwrap_err();
    assert!(error.is_unavailable() && !error.changed_nothing(), "{error:?}");
    assert_eq!(sqlstate(&error).as_deref(), Some("25006"));
    // Without the line of the server's own source code, which the driver adds.
    let told = crate::chain(&error).to_string();
    assert!(told.contains("(SQLSTATE 25006): ") && told.ends_with("in a read-only transaction"), "{told}");

    // The sessions of the store stay as they are; only new ones can write.
    alter(&database, "RESET default_transaction_read_only");
    store.write(message()).await.unwrap();
    assert!(store.ready(NOW).await.is_ok());
}

#[tokio::test]
async fn what_is_waiting_is_refused_at_once_by_a_database_that_takes_no_writes() {
    let (_database, store) = after("SET default_transaction_read_only = on").await;
    let writes = futures_util::future::join_all((0..50).map(|_| store.write(message()))).await;
    assert!(writes.iter().all(|output| output.as_ref().is_err_and(Error::is_unavailable)));
    // Together: one by one there would be at least as many transactions as writes.
    let begun = store.counters().begun.load(std::sync::atomic::Ordering::Relaxed);
    assert!(begun < writes.len(), "{begun} transactions");
}

#[tokio::test]
async fn statements_that_the_server_cancels_are_unavailable() {
    let (database, store) = after("RESET ALL").await;
    let statement_timeout = Duration::from_millis(200);
    let options = DatabaseOptions { statement_timeout, ..DatabaseOptions::new(database.url()) };
    let impatient = Store::connect(&options).await.unwrap();
    let administrator = sea_orm::Database::connect(database.url()).await.unwrap();
    let held = administrator.begin().await.unwrap();
    held.execute_unprepared("LOCK TABLE workflow_task, history_event IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    for (error, code) in [
        (impatient.write(message()).await.unwrap_err(), "57014"),
        (impatient.history(RunId(uuid::Uuid::nil()), 0, 1, &[]).await.unwrap_err(), "57014"),
        (store.write(message()).await.unwrap_err(), "55P03"),
    ] {
        assert!(error.is_unavailable(), "{error:?}");
        assert_eq!(sqlstate(&error).as_deref(), Some(code));
    }
    held.rollback().await.unwrap();
    for store in [impatient, store] {
        store.write(message()).await.unwrap();
        assert!(store.ready(NOW).await.is_ok());
    }
}

#[tokio::test]
async fn a_write_goes_on_when_its_session_was_terminated() {
    let (database, store) = after("RESET ALL").await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
    store.write(message()).await.unwrap();
    database.sql(terminate).unwrap();
    store.write(message()).await.unwrap();
    database.sql(terminate).unwrap();
    assert!(store.ready(NOW).await.is_ok());
}

#[tokio::test]
async fn prepared_statements_that_no_longer_fit_are_prepared_again() {
    let (database, store) = after("RESET ALL").await;
    let read = || store.history(RunId(uuid::Uuid::nil()), 0, 1, &[]);
    read().await.unwrap();
    store.write(message()).await.unwrap();
    database.sql("ALTER TABLE history_event ALTER COLUMN event_type TYPE varchar(99)").unwrap();
    read().await.unwrap();
    store.write(message()).await.unwrap();
}

#[tokio::test]
async fn a_database_without_its_tables_is_not_ready_and_recovers() {
    let (database, store) = after("RESET ALL").await;
    database.sql("ALTER TABLE seaql_migrations RENAME TO away").unwrap();
    assert!(matches!(store.ready(NOW).await, Err(Error::NotMigrated { pending }) if !pending.is_empty()));
    database.sql("ALTER TABLE away RENAME TO seaql_migrations").unwrap();
    assert!(store.ready(NOW).await.is_ok());
}

#[tokio::test]
async fn a_server_without_traffic_finds_out_that_writes_work_again() {
    let (database, store) = after("RESET ALL").await;
    database.sql("ALTER TABLE workflow_task RENAME TO away").unwrap();
    let error = store.write(message()).await.unwrap_err();
    assert!(error.needs_operator(), "{error:?}");
    database.sql("ALTER TABLE away RENAME TO workflow_task").unwrap();
    assert!(store.writer.trouble().get().is_some());
    // Nobody writes, and the next look tries it out.
    assert!(store.ready(NOW).await.is_ok());
    assert!(store.writer.trouble().get().is_none());
}

#[tokio::test]
async fn a_full_disk_is_full_until_it_takes_as_much_as_it_refused() {
    let (database, store) = after("RESET ALL").await;
    let run_id = super::started(&store, "a").await;
    let write = |size_bytes| {
        store.write(NewMessage { run_id, kind: "Any", body: incompressible(size_bytes), now: NOW })
    };
    // Small writes still fit; what counts is what is stored, which may be compressed.
    for statement in [
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF (SELECT pg_column_size(body) FROM message WHERE run_id = NEW.run_id \
         AND sequence = NEW.sequence) > 100000 \
         THEN RAISE EXCEPTION ''no space left'' USING ERRCODE = ''53100''; END IF; RETURN NULL; END'",
        "CREATE TRIGGER full_disk AFTER INSERT OR UPDATE ON message FOR EACH ROW \
         EXECUTE FUNCTION full_disk()",
    ] {
        database.sql(statement).unwrap();
    }
    assert!(write(200_000).await.unwrap_err().needs_operator());
    let at = |ms| Timestamp(NOW.0 + ms);
    for now in [at(0), at(5_000)] {
        let error = store.ready(now).await.unwrap_err();
        assert_eq!(sqlstate(&error).as_deref(), Some("53100"));
        write(10).await.unwrap();
    }
    database.sql("DROP TRIGGER full_disk ON message").unwrap();
    // Who asks again and again does not make it write again and again.
    let error = store.ready(at(9_999)).await.unwrap_err();
    assert_eq!(sqlstate(&error).as_deref(), Some("53100"));
    store.ready(at(10_000)).await.unwrap();
    assert!(store.writer.trouble().get().is_none());
    assert_eq!(store.inboxes(&[run_id, RunId(uuid::Uuid::nil())]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_written_to_find_out_is_taken_back_though_nobody_waits_for_it() {
    let (database, store) = after("RESET ALL").await;
    for statement in [
        "CREATE TABLE undone (at timestamptz DEFAULT now())",
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END'",
        "CREATE FUNCTION undone() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN INSERT INTO undone DEFAULT VALUES; RETURN NULL; END'",
        "CREATE TRIGGER hold BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION hold()",
        "CREATE TRIGGER undone AFTER DELETE ON message FOR EACH ROW EXECUTE FUNCTION undone()",
    ] {
        database.sql(statement).unwrap();
    }
    let other = Store::connect(&DatabaseOptions::new(database.url())).await.unwrap();
    let held = other.begin().await;
    let hold = "SELECT pg_advisory_xact_lock(1)";
    held.execute_unprepared(hold).await.unwrap();
    let asking = store.clone();
    let asking = tokio::spawn(async move { asking.can_renew_leases(NOW).await });
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(&database, waits, "1").await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    held.rollback().await.unwrap();
    until(&database, "SELECT count(*) FROM undone", "1").await;
    assert_eq!(database.sql("SELECT count(*) FROM message").unwrap().trim(), "0");
}

/// Waits until a query has this result.
async fn until(database: &Database, query: &str, expected: &str) {
    while database.sql(query).unwrap().trim() != expected {
        tokio::task::yield_now().await;
    }
}

fn sqlstate(error: &Error) -> Option<String> {
    let Error::Database(source) = error else { return None };
    let (sea_orm::DbErr::Exec(runtime) | sea_orm::DbErr::Query(runtime) | sea_orm::DbErr::Conn(runtime)) =
        &**source
    else {
        return None;
    };
    let sea_orm::RuntimeErr::SqlxError(source) = runtime else { return None };
    Some(source.as_database_error()?.code()?.into_owned())
}
