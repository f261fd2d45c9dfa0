//! Folders with names that mean something to a URL, and folders with two names.

use std::{fs, os::unix::fs::symlink};

use ctutor_tests::process::{Ctutor, Process};
use tempfile::TempDir;

fn dev(data: &std::path::Path) -> Process {
    Ctutor::new(["dev", "--port", "0"]).env("CTUTOR_DATA", data).start().unwrap()
}

#[tokio::test]
async fn two_servers_never_share_a_database() {
    let folder = TempDir::with_prefix("ctutor-folders-").unwrap();
    let data = folder.path().join("a b");
    fs::create_dir(&data).unwrap();
    let first = dev(&data);
    first.ready().await.unwrap();
    // What a URL would decode to the first folder is another folder.
    for name in ["a%20b", "what?", "x?mode=memory", "a#b", ":memory:", "file:x", " leading"] {
        let other = dev(&folder.path().join(name));
        other.ready().await.unwrap();
        assert!(folder.path().join(name).join("ctutor.db").is_file(), "{name}");
    }
    symlink(&data, folder.path().join("link")).unwrap();
    let second = dev(&folder.path().join("link"));
    assert_eq!(second.wait().unwrap(), 1);
    let pid = format!("in use by process {};", first.pid());
    assert!(second.stderr().contains(&pid), "{}", second.stderr());

    first.kill9().unwrap();
    dev(&folder.path().join("link")).ready().await.unwrap();
}

#[test]
fn urls_that_are_more_than_a_path_are_refused_with_the_remedy() {
    for (url, remedy) in [
        ("sqlite::memory:", "name a file"),
        ("sqlite:new.db?mode=rwc", "leave out `?mode=rwc`"),
        ("sqlite:", "write `sqlite:PATH`"),
    ] {
        let refused = Ctutor::new(["migrate", "up"]).env("DATABASE_URL", url).finish().unwrap();
        assert!(refused.status == 1 && refused.stderr.contains(remedy), "{refused:?}");
    }
}

#[test]
fn a_password_that_is_not_encoded_is_told_and_not_shown() {
    for (variable, url) in [
        ("DATABASE_URL", "postgres://ada:s3c/ret@127.0.0.1:1/x"),
        ("DATABASE_URL", "postgres://ada:s3c#ret@127.0.0.1:1/x"),
        ("DATABASE_URL", "postgres://ada:s3c?ret@127.0.0.1:1/x"),
        ("DATABASE_URL", "postgres://ada:s3c%ret@127.0.0.1:1/x"),
        ("DATABASE_URL", "postgres://ada:s3c@ret@127.0.0.1:1/x"),
        ("REDIS_URL", "redis://:s3c/ret@127.0.0.1:1"),
        ("REDIS_URL", "redis://:s3c#ret@127.0.0.1:1"),
    ] {
        let database = if variable == "REDIS_URL" { "sqlite:x.db" } else { url };
        let told = Ctutor::new(["migrate", "up"])
            .env("DATABASE_URL", database)
            .env("CTUTOR_DATABASE_ACQUIRE_TIMEOUT", "1ms")
            .env(variable, url)
            .finish()
            .unwrap();
        assert!(told.stderr.contains("`/` as `%2F`"), "{url}: {told:?}");
        assert!(!told.stderr.contains("s3c") && !told.stderr.contains("ret@"), "{told:?}");
    }
}
