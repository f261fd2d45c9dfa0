//! The path of a file is a path, and the file belongs to one store at a time whatever it is called.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
};

use super::NOW;
use crate::store::{DatabaseOptions, Error, Store};

async fn open(path: impl Into<PathBuf>) -> Result<Store, Error> {
    Store::connect(&DatabaseOptions::new(path.into())).await
}

async fn opened(path: &Path) -> Store {
    let store = open(path).await.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    store.migrate().await.unwrap();
    store
}

/// Names that mean something to a shell, to a URL or to SQLite.
fn names() -> Vec<&'static OsStr> {
    let texts = [
        "a%20b",
        "a b",
        "what?",
        "x?mode=memory",
        "é%C3%A9",
        "éé",
        "a#b",
        " leading",
        "trailing ",
        ":memory:",
        "file:x",
        "%",
        "%2e%2e",
        "%00",
        "a&b=c",
        "\"quoted'",
        "line\nend",
        "-dash",
    ];
    let mut names: Vec<&OsStr> = texts.into_iter().map(OsStr::new).collect();
    names.push(OsStr::from_bytes(b"not-utf8-\xff\xfe"));
    names
}

#[tokio::test]
async fn the_file_is_where_its_path_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut stores = Vec::new();
    for name in names() {
        // As the name of a folder, and as that of the file.
        fs::create_dir(folder.path().join(name)).unwrap();
        for path in [folder.path().join(name).join("test.db"), folder.path().join(name).join(name)] {
            let store = opened(&path).await;
            super::started(&store, "a").await;
            assert!(fs::metadata(&path).unwrap().len() > 0, "{}", path.display());
            stores.push(store);
        }
    }
    // Nothing but what was named: no file of a decoded name.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), names().len());
}

#[tokio::test]
async fn every_name_of_a_file_meets_the_same_lock() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let file = data.join("test.db");
    let store = opened(&file).await;
    symlink(&data, folder.path().join("folder-link")).unwrap();
    symlink(&file, folder.path().join("file-link")).unwrap();
    fs::hard_link(&file, folder.path().join("hard-link")).unwrap();
    for name in [
        "data/test.db",
        "data//test.db",
        "data/../data/./test.db",
        "folder-link/test.db",
        "file-link",
        "hard-link",
    ] {
        let error = open(folder.path().join(name)).await.unwrap_err();
        let pid = format!("process {}", std::process::id());
        assert!(matches!(&error, Error::InUse { holder, .. } if holder.contains(&pid)), "{name}: {error:?}");
    }
    // The refused tries have not broken the locks of the one that runs.
    super::started(&store, "a").await;

    close(store).await;
    let error = open(folder.path().join("hard-link")).await.unwrap_err();
    assert!(matches!(&error, Error::File { reason, .. } if reason.contains("2 names")), "{error:?}");
    fs::remove_file(folder.path().join("hard-link")).unwrap();
    opened(&folder.path().join("file-link")).await;
}

#[tokio::test]
async fn a_file_that_is_none_is_told_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("text"), "a text of more than a few bytes, which is not the head of a database".repeat(20))
        .unwrap();
    symlink(at("missing/test.db"), at("link")).unwrap();
    let long = at(&"x".repeat(200)).join("y".repeat(200)).join("z".repeat(200));
    fs::create_dir_all(&long).unwrap();
    for (path, problem) in [
        (at("folder"), "it is a folder"),
        (at("missing/test.db"), "make its folder first"),
        (at("text/test.db"), "is a file, and must be a folder"),
        (at("link"), "correct the link"),
        (PathBuf::from("/dev/null"), "a device"),
        (at(&"x".repeat(300)), "too long"),
        (long.join("test.db"), "at most 500"),
    ] {
        let error = open(&path).await.unwrap_err();
        assert!(
            matches!(&error, Error::File { reason, .. } if reason.contains(problem)),
            "{path:?}: {error:?}"
        );
    }
    let error = open(at("text")).await.unwrap_err();
    assert!(error.is_unavailable() && error.needs_operator(), "{error:?}");
    assert!(format!("{error:?}").contains("file is not a database"), "{error:?}");
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_file_is_not_at_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    fs::create_dir(&data).unwrap();
    let file = data.join("test.db");
    let store = opened(&file).await;
    super::started(&store, "before").await;
    store.ready(NOW).await.unwrap();

    fs::rename(&data, &away).unwrap();
    refuses(&store, "No such file").await;
    // Another store may use what is at the path now, and the first one must not write to it.
    fs::create_dir(&data).unwrap();
    let other = opened(&file).await;
    super::started(&other, "other").await;
    refuses(&store, "another file is in its place").await;
    close(other).await;

    fs::remove_dir_all(&data).unwrap();
    fs::rename(&away, &data).unwrap();
    super::started(&store, "after").await;
    store.ready(NOW).await.unwrap();
}

async fn refuses(store: &Store, found: &str) {
    let nobody = crate::ids::RunId(uuid::Uuid::nil());
    for error in [
        store.write(super::start("refused")).await.unwrap_err(),
        store.ready(NOW).await.unwrap_err(),
        // A new session would read what is at the path now.
        store.history(nobody, 0, 1, &[]).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Displaced { .. }), "{error:?}");
        assert!(error.is_unavailable() && error.needs_operator() && !error.changed_nothing(), "{error:?}");
        assert!(error.to_string().contains(found), "{error}");
    }
}

/// Waits until the writer of the store has given the file back.
async fn close(store: Store) {
    let handle = store.writer.clone();
    let identity = store.connector.target.clone();
    drop(store);
    drop(handle);
    let crate::store::database::Target::Sqlite { file } = identity else { panic!("a file") };
    while std::sync::Arc::strong_count(&file) > 1 {
        tokio::task::yield_now().await;
    }
}
