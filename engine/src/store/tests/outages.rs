//! What the log is told when the database cannot be used.

use futures_util::FutureExt;
use sea_orm::{ConnAcquireErr, DbErr};
use tempfile::TempDir;
use tokio::net::UnixListener;

use super::NOW;
use crate::{
    log::outage::{Duty, Outages},
    store::{Connector, DatabaseOptions, Error, Store, database::Target},
    testing::{LogLines, TestStore},
};

const CLAIM: Duty = Duty::repeated("claiming");
const HEARTBEAT: Duty = Duty::single("a heartbeat");

#[tokio::test]
async fn many_failures_open_one_connection_to_find_the_cause_and_heartbeats_wait_for_none() {
    let lines = LogLines::catch();
    let folder = TempDir::new().unwrap();
    // A server that takes connections and says nothing.
    let server = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let url = format!("postgres://postgres@localhost/silent?host={}", folder.path().display());
    let database = TestStore::sqlite().await;
    let options = DatabaseOptions::new(url);
    let target = Target::open(&options.location).unwrap();
    let connector = Connector { options, target, ..database.store.connector.clone() };
    let store =
        Store { connector, outages: Outages::new("the silent database").into(), ..database.store.clone() };
    let error = Error::from(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));

    for _ in 0..9 {
        store.failed_meanwhile(HEARTBEAT, &error, NOW);
    }
    assert!(store.failed(CLAIM, &error, NOW).now_or_never().is_some(), "the cause is looked for already");
    let (connection, _) = server.accept().await.unwrap();
    assert!(server.accept().now_or_never().is_none(), "one connection is enough");
    drop(server);
    assert_eq!(lines.containing("the silent database").len(), 0, "the cause is not known yet");
    drop(connection);
    while lines.containing("the silent database").is_empty() {
        tokio::task::yield_now().await;
    }
    let told = lines.containing("the silent database");
    let [line] = &told[..] else { panic!("{told:#?}") };
    let message = line["message"].as_str().unwrap();
    assert!(
        message.starts_with("the silent database cannot be used: a heartbeat failed; start the server"),
        "{line}"
    );
    assert!(line["error"].as_str().unwrap().contains("no connection to the database"), "{line}");
}
