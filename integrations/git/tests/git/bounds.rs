//! Bounds, time limits, cancellation, and what is refused before any connection.

use std::{fs, path::Path, sync::Arc, time::Duration};

use crate::support::{FILE, Manner, Server, commit};
use ctutor_git::{Error, LocalSources, NoSecrets, Options, Progress, RepositoryCache, Source, Watch};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn options() -> Options {
    Options { local_sources: LocalSources::Allowed, ..Options::default() }
}

/// What a future has come to, if it has.
async fn peek<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut future = std::pin::Pin::new(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

async fn attempt(folder: &Path, options: Options, source: &Source) -> Result<(), Error> {
    let cache = RepositoryCache::new(folder.join("cache"), options, Arc::new(NoSecrets)).unwrap();
    cache.checkout(source, &folder.join("out"), &Watch::default()).await.map(drop)
}

/// Bytes that do not compress, the same in every run.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..size)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

#[tokio::test]
async fn every_bound_is_met_with_its_name() {
    let cases: [(&str, Options); 7] = [
        ("received_bytes_max", Options { received_bytes_max: 50_000, ..options() }),
        ("objects_max", Options { objects_max: 3, ..options() }),
        ("repository_bytes_max", Options { repository_bytes_max: 50_000, ..options() }),
        ("object_bytes_max", Options { object_bytes_max: 100, ..options() }),
        ("files_max", Options { files_max: 4, ..options() }),
        ("checkout_bytes_max", Options { checkout_bytes_max: 100_000, ..options() }),
        ("depth_max", Options { depth_max: 2, ..options() }),
    ];
    for (limit, options) in cases {
        let folder = TempDir::new().unwrap();
        let big = noise(200_000);
        let entries = [(FILE, "a/b/c/d", b"deep".as_slice()), (FILE, "big", &big), (FILE, "small", b"1")];
        let id = commit(&folder.path().join("repositories/a.git"), "main", &entries);
        let server = Server::start(&folder.path().join("repositories"), Manner::Open);
        let source = Source::parse(&format!("{}/a.git", server.url), &id).unwrap();
        let error = attempt(folder.path(), options, &source).await.unwrap_err();
        assert!(
            matches!(error, Error::LimitExceeded { limit: met, .. } if met == limit),
            "{limit}: {error:?}"
        );
        assert!(!error.is_retryable());
        assert!(!folder.path().join("out").exists());
        attempt(folder.path(), self::options(), &source).await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), Manner::Silent);
    let source = Source::parse(&format!("{}/a.git", server.url), "main").unwrap();
    let limits =
        Options { timeout: Duration::from_millis(300), server_timeout: Duration::from_secs(2), ..options() };
    let error = attempt(folder.path(), limits, &source).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { timeout_ms: 300, .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn the_silence_of_a_server_is_a_network_fault() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), Manner::Silent);
    let source = Source::parse(&format!("{}/a.git", server.url), "main").unwrap();
    let limits = Options { server_timeout: Duration::from_millis(200), ..options() };
    let error = attempt(folder.path(), limits, &source).await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn cancellation_ends_a_fetch_in_its_middle() {
    let folder = TempDir::new().unwrap();
    let big = noise(2_000_000);
    let id = commit(&folder.path().join("repositories/a.git"), "main", &[(FILE, "big", &big)]);
    let server = Server::start(&folder.path().join("repositories"), Manner::Open);
    let source = Source::parse(&format!("{}/a.git", server.url), &id).unwrap();
    let cache = RepositoryCache::new(folder.path().join("cache"), options(), Arc::new(NoSecrets)).unwrap();
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let watch = Watch::new(cancel).on_progress(move |progress| {
        if matches!(progress, Progress::Receiving { .. }) {
            trigger.cancel();
        }
    });
    let into = folder.path().join("out");
    let error = cache.checkout(&source, &into, &watch).await.unwrap_err();
    assert!(matches!(error, Error::Canceled), "{error:?}");
    assert!(!into.exists());
    cache.checkout(&source, &into, &Watch::default()).await.unwrap();
}

#[tokio::test]
async fn the_mirror_unused_for_longest_gives_way() {
    let folder = TempDir::new().unwrap();
    let cache = RepositoryCache::new(
        folder.path().join("cache"),
        Options { mirrors_max: 2, ..options() },
        Arc::new(NoSecrets),
    )
    .unwrap();
    for number in 0..4 {
        let path = folder.path().join(format!("{number}.git"));
        let id = commit(&path, "main", &[(FILE, "a", b"1")]);
        let source = Source::parse(&path.display().to_string(), &id).unwrap();
        cache
            .checkout(&source, &folder.path().join(format!("out-{number}")), &Watch::default())
            .await
            .unwrap();
    }
    assert_eq!(fs::read_dir(folder.path().join("cache/mirrors")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_commit_like_a_bomb_is_neither_read_nor_kept() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("repositories/a.git");
    let good = commit(&path, "main", &[(FILE, "a", b"1")]);
    let upstream = git2::Repository::open_bare(&path).unwrap();
    let parent = upstream.find_commit(git2::Oid::from_str(&good).unwrap()).unwrap();
    let author = parent.author();
    let message = "x".repeat(4 << 20);
    let tree = parent.tree().unwrap();
    let bomb = upstream.commit(None, &author, &author, &message, &tree, &[&parent]).unwrap();
    upstream.reference("refs/heads/bomb", bomb, true, "a bomb").unwrap();
    let tag = upstream.find_object(bomb, None).unwrap();
    upstream.tag("release", &tag, &author, &message, false).unwrap();
    let server = Server::start(&folder.path().join("repositories"), Manner::Open);
    let limits = Options { object_bytes_max: 1 << 20, ..options() };
    for revision in ["bomb", "release", &bomb.to_string()] {
        let source = Source::parse(&format!("{}/a.git", server.url), revision).unwrap();
        let error = attempt(folder.path(), limits.clone(), &source).await.unwrap_err();
        assert!(
            matches!(error, Error::LimitExceeded { limit: "object_bytes_max", .. }),
            "{revision}: {error:?}"
        );
        assert_eq!(fs::read_dir(folder.path().join("cache/mirrors")).unwrap().count(), 0);
    }
    // A branch that nobody asked for does not matter.
    let source = Source::parse(&format!("{}/a.git", server.url), "main").unwrap();
    attempt(folder.path(), limits, &source).await.unwrap();
}

#[tokio::test]
async fn checkouts_wait_for_their_places() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("repositories/a.git");
    let id = commit(&path, "main", &[(FILE, "a", b"1")]);
    let silent = Server::start(folder.path(), Manner::Silent);
    let limits = Options { checkouts_at_once_max: 1, ..options() };
    let cache = RepositoryCache::new(folder.path().join("cache"), limits, Arc::new(NoSecrets)).unwrap();
    let slow = Source::parse(&format!("{}/a.git", silent.url), "main").unwrap();
    let quick = Source::parse(&path.display().to_string(), &id).unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let (ending, running) = (CancellationToken::new(), Watch::default());
    let watch = Watch::new(ending.clone());
    let held = cache.checkout(&slow, &first, &watch);
    tokio::pin!(held);
    // The silent server has been asked, so that the only place is taken.
    while silent.requests() == 0 {
        assert!(peek(&mut held).await.is_none());
        tokio::task::yield_now().await;
    }
    let waiting = cache.checkout(&quick, &second, &running);
    tokio::pin!(waiting);
    for _ in 0..100 {
        assert!(peek(&mut waiting).await.is_none(), "it did not wait");
    }
    ending.cancel();
    assert!(matches!(held.await, Err(Error::Canceled)));
    drop(silent);
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_mirror_left_half_made_is_made_anew() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.git");
    let id = commit(&path, "main", &[(FILE, "a", b"1")]);
    let source = Source::parse(&path.display().to_string(), &id).unwrap();
    attempt(folder.path(), options(), &source).await.unwrap();
    let mirror = fs::read_dir(folder.path().join("cache/mirrors")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(mirror.join("HEAD")).unwrap();
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    attempt(folder.path(), options(), &source).await.unwrap();
}

#[test]
fn urls_with_a_credential_are_refused_without_repeating_it() {
    for url in [
        "https://oauth2:glpat-1@gitlab.example/a.git",
        "https://glpat-1@gitlab.example/a.git",
        "https://gitlab.example/a.git?private_token=glpat-1",
        "https://gitlab.example/a.git#glpat-1",
        "ssh://git:glpat-1@gitlab.example/a.git",
        "git:glpat-1@gitlab.example:a.git",
        "https:///oauth2:glpat-1@gitlab.example/a.git",
        "ssh://glpat-1@gitlab.example/a.git",
        "glpat-1@gitlab.example:a.git",
        "Glpat1@gitlab.example:a.git",
        "git@gitlab.example:a.git?private_token=glpat-1",
        "git@gitlab.example:a.git#glpat-1",
        "/srv/a.git?glpat-1",
    ] {
        let error = Source::parse(url, "main").unwrap_err();
        assert!(matches!(error, Error::CredentialInUrl), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("glpat"));
    }
    for url in
        ["", "ftp://host/a", "ext::sh -c id", "../a", "https://", "git://host/a", "http://a\n/b", "a.git"]
    {
        let error = Source::parse(url, "main").unwrap_err();
        assert!(matches!(error, Error::InvalidUrl { .. }), "{url}: {error:?}");
    }
    for url in
        ["ssh://git@host/a.git", "git@host:group/a.git", "https://host:8443/a.git", "/srv/a.git", "file:///a"]
    {
        Source::parse(url, "main").unwrap();
    }
    for revision in ["", "-", "a..b", "a b", "HEAD~1", "a:b", &"x".repeat(300)] {
        let outcome = Source::parse("/a", revision);
        assert!(
            matches!(outcome, Err(Error::InvalidRevision { .. })) || revision == "-",
            "{revision}: {outcome:?}"
        );
    }
}
