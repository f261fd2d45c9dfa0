use std::cell::Cell;

use ctutor_tests::postgres::{self, Cluster, Server};

#[test]
fn databases_are_made_and_dropped_and_know_nothing_of_each_other() {
    let cluster = Cluster::shared().unwrap();
    let first = postgres::create_database().unwrap();
    let second = postgres::create_database().unwrap();
    assert_ne!(first.url(), second.url());
    first.sql("create table thing (name text)").unwrap();
    assert!(second.sql("select * from thing").is_err());

    let name = first.sql("select current_database()").unwrap();
    let count = format!("select count(*) from pg_database where datname = '{}'", name.trim());
    assert_eq!(cluster.sql(&count).unwrap().trim(), "1");
    drop(first);
    assert_eq!(cluster.sql(&count).unwrap().trim(), "0");
}

#[test]
fn a_template_is_prepared_once_and_cloned_after() {
    let cluster = Cluster::shared().unwrap();
    let template = unique_name();
    let prepared = Cell::new(0);
    let clone = || {
        cluster.create_database_from(&template, |url| {
            prepared.set(prepared.get() + 1);
            let script = "create table thing (name text); insert into thing values ('from the template')";
            let status = std::process::Command::new("psql").args(["-q", "-d", url, "-c", script]).status()?;
            anyhow::ensure!(status.success());
            Ok(())
        })
    };
    let (first, second) = (clone().unwrap(), clone().unwrap());
    first.sql("delete from thing").unwrap();
    assert_eq!(second.sql("select name from thing").unwrap().trim(), "from the template");
    assert_eq!(prepared.get(), 1);
    cluster.sql(&format!("drop database {template}")).unwrap();
}

#[test]
fn a_template_whose_preparation_failed_is_prepared_again() {
    let cluster = Cluster::shared().unwrap();
    let template = unique_name();
    assert!(cluster.create_database_from(&template, |_| anyhow::bail!("not this time")).is_err());
    assert!(cluster.create_database_from(&template, |_| Ok(())).is_ok());
    cluster.sql(&format!("drop database {template}")).unwrap();
}

#[test]
fn what_was_committed_survives_a_crash() {
    let mut server = Server::start().unwrap();
    let database = server.cluster().create_database().unwrap();
    database.sql("create table thing (name text)").unwrap();
    database.sql("insert into thing values ('kept')").unwrap();
    server.crash().unwrap();
    assert!(database.sql("select 1").is_err());

    server.resume().unwrap();
    assert_eq!(database.sql("select name from thing").unwrap().trim(), "kept");
    assert_eq!(database.sql("show fsync").unwrap().trim(), "on");
}

#[expect(clippy::disallowed_methods, reason = "a name that no other test takes")]
fn unique_name() -> String {
    format!("template_{:x}", rand::random::<u64>())
}
