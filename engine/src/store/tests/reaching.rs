//! What is told when the database cannot be reached, and what is waited for.

use std::{sync::Arc, time::Duration};

use ctutor_tests::{
    postgres::{Server, create_database},
    wait,
};
use sea_orm::{ConnAcquireErr, ConnectionTrait, DbErr};

use super::on_both;
use crate::{
    chain,
    ids::RunId,
    store::{
        DatabaseOptions, Error, Store,
        database::{Connector, Target},
        sessions::Sessions,
    },
    testing::{LogLines, TestStore},
};

on_both! { a_database_of_a_later_version_is_told_with_its_migrations }

/// What a pool says when it could make no connection in time, whatever the reason.
fn pool_timeout() -> Error {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout).into()
}

fn connector(url: &str) -> Connector {
    Connector {
        options: DatabaseOptions::new(url),
        target: Target::Postgres { url: url.to_owned() },
        sessions: Sessions::default(),
    }
}

#[tokio::test]
async fn the_cause_that_a_pool_hides_is_found() {
    // Port 1 is nobody's.
    let connector = connector("postgres://ada:s3cret@127.0.0.1:1/ctutor");
    let cause = connector.cause(&pool_timeout()).await.expect("a cause");
    let text = chain(&cause).to_string();
    assert!(text.starts_with("no connection to the database: ") && text.contains("refused"), "{text}");
    assert_eq!(connector.target.name(), "the database `ctutor` on 127.0.0.1:1");
}

#[tokio::test]
async fn a_pool_whose_connections_are_in_use_is_its_own_cause() {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    let connector = connector(&database.url());
    assert!(connector.cause(&pool_timeout()).await.is_none());
}

#[tokio::test]
async fn too_many_connections_at_the_start_are_told_as_that() {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    let role = format!("{}_one", database.sql("SELECT current_database()").unwrap().trim());
    // The writer gets it, and what reads gets none.
    database.sql(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")).unwrap();
    let url = database.url().replace("postgres://postgres@", &format!("postgres://{role}@"));
    let options = DatabaseOptions { acquire_timeout: Duration::from_secs(2), ..DatabaseOptions::new(url) };
    let error = Store::connect(&options).await.unwrap_err();
    assert_eq!(error.to_string(), "no connection to the database (SQLSTATE 53300)");
    assert!(error.remedy().unwrap().contains("max_connections"), "{error}");
    database.sql(&format!("DROP ROLE {role}")).unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let lines = LogLines::catch();
    let mut server = tokio::task::spawn_blocking(|| Server::start().unwrap()).await.unwrap();
    server.crash().unwrap();
    // Its socket is gone.
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_secs(60),
        ..DatabaseOptions::new(server.url("postgres"))
    };
    let connecting = tokio::spawn(async move { Store::connect(&options).await });
    let told = wait::until_async("the line about the server", async || {
        assert!(!connecting.is_finished(), "it has given up");
        Ok(lines.containing("cannot be reached yet").pop())
    });
    let line = told.await.unwrap();
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("retried for up to 60s (`database.acquire_timeout`)"), "{message}");
    assert!(line["error"].as_str().unwrap().contains("No such file"), "{line:#}");
    let server =
        tokio::task::spawn_blocking(move || server.resume().map(|()| server)).await.unwrap().unwrap();
    connecting.await.unwrap().unwrap();
    assert_eq!(lines.containing("cannot be reached yet").len(), 1, "it is told once");
    drop(server);
}

#[tokio::test]
async fn a_server_behind_a_proxy_is_waited_for_too() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ada@{}/ctutor", proxy.local_addr().unwrap());
    let connecting = tokio::spawn(async move { Store::connect(&DatabaseOptions::new(url)).await });
    // The server behind it is away: each connection is closed at once.
    for _ in 0..3 {
        drop(proxy.accept().await.unwrap());
    }
    drop(proxy);
    let error = connecting.await.unwrap().unwrap_err();
    assert!(error.remedy().is_some(), "{error:?}");
}

#[tokio::test]
async fn what_says_nothing_is_told_from_what_is_not_there() {
    // The kernel takes the connection, and nobody answers: as a server of another protocol, or one that hangs.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (address, remedy) in [
        (silent.local_addr().unwrap().to_string(), "if they are not those of PostgreSQL"),
        // Port 1 is nobody's.
        ("127.0.0.1:1".to_owned(), "start the server, or correct where it is"),
    ] {
        let options = DatabaseOptions {
            acquire_timeout: Duration::from_millis(300),
            ..DatabaseOptions::new(format!("postgres://ada@{address}/ctutor"))
        };
        let error = Store::connect(&options).await.unwrap_err();
        assert!(error.remedy().unwrap().contains(remedy), "{address}: {error:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_by_itself_is_not_waited_for() {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    let url = database.url();
    let name = database.sql("SELECT current_database()").unwrap();
    let url = url.replace(name.trim(), "nobody_has_made_this");
    // Much longer than a test may take.
    let options =
        DatabaseOptions { acquire_timeout: Duration::from_secs(3_600), ..DatabaseOptions::new(url) };
    let error = Store::connect(&options).await.unwrap_err();
    assert_eq!(error.code().as_deref(), Some("3D000"));
    assert!(error.to_string().ends_with("(SQLSTATE 3D000)"), "{error}");
    assert!(error.remedy().unwrap().contains("createdb"), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_told_as_that() {
    let database = TestStore::postgres().await;
    let statement_timeout = Duration::from_millis(200);
    let options = DatabaseOptions {
        statement_timeout,
        read_connections_max: 1,
        ..DatabaseOptions::new(database.url())
    };
    let store = Store::connect(&options).await.unwrap();
    // A server that hangs does not give up by itself either.
    store.reader.inner.execute_unprepared("SET statement_timeout = 0").await.unwrap();
    let held = database.store.begin().await;
    held.execute_unprepared("LOCK TABLE history_event IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let error = store.history(RunId(uuid::Uuid::nil()), 0, 1, &[]).await.unwrap_err();
    held.rollback().await.unwrap();
    let text = chain(&error).to_string();
    assert!(text.starts_with("the database does not answer: "), "{text}");
    assert!(text.ends_with("no answer within 200ms"), "{text}");
}

async fn a_database_of_a_later_version_is_told_with_its_migrations(store: &Store) {
    let insert = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    store.database.execute_unprepared(insert).await.unwrap();
    let error = store.pending_migrations().await.unwrap_err();
    assert!(
        matches!(&error, Error::Newer { unknown } if unknown == &["m29991231_000001_later"]),
        "{error:?}"
    );
    assert!(error.is_unavailable() && error.needs_operator());
    assert!(error.to_string().contains("start that version"), "{error}");
}

#[test]
fn the_code_of_an_error_is_told() {
    let error = Error::from(DbErr::Custom("no".to_owned()));
    assert_eq!((error.code(), error.to_string()), (None, "a database statement failed".to_owned()));
    let shared = Arc::new(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
    assert_eq!(Error::Database(shared.into()).to_string(), "no free connection to the database");
}
