//! Checkouts over real Git HTTP and from local paths.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use crate::support::{FILE, LINK, Manner, PROGRAM, SUBMODULE, Server, base64_lite, commit};
use ctutor_git::{
    Credential, Error, LocalSources, NoSecrets, Options, Progress, RepositoryCache, Secret, SecretRef,
    SecretSource, SecretUnavailable, Source, UrlPrefix, Watch,
};
use tempfile::TempDir;

const TOKEN: &str = "glpat-very-secret-0001";

/// Two secrets for the servers that are listed.
#[derive(Clone, Debug, Default)]
struct Secrets(Arc<Mutex<Vec<UrlPrefix>>>);

impl SecretSource for Secrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretUnavailable> {
        let text = match reference.0.as_str() {
            "demo-token" => TOKEN,
            "wrong-token" => "glpat-wrong-0002",
            _ => return Err(SecretUnavailable::Missing),
        };
        Ok(Secret { text: text.into(), places: self.0.lock().unwrap().clone() })
    }
}

struct Place {
    folder: TempDir,
    cache: RepositoryCache,
    secrets: Secrets,
}

impl Place {
    fn new() -> Self {
        Self::with(Options { local_sources: LocalSources::Allowed, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let folder = TempDir::new().unwrap();
        let secrets = Secrets::default();
        let cache =
            RepositoryCache::new(folder.path().join("cache"), options, Arc::new(secrets.clone())).unwrap();
        Self { folder, cache, secrets }
    }

    /// A server that the secrets may be sent to.
    fn trusted(&self, manner: Manner) -> Server {
        let server = Server::start(&self.repositories(), manner);
        self.secrets.0.lock().unwrap().push(format!("{}/", server.url).parse().unwrap());
        server
    }

    fn repositories(&self) -> std::path::PathBuf {
        self.folder.path().join("repositories")
    }

    async fn checkout(&self, source: &Source, into: &str) -> Result<ctutor_git::Checkout, Error> {
        self.cache.checkout(source, &self.folder.path().join(into), &Watch::default()).await
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

fn credential(secret: &str) -> Credential {
    Credential { username: "oauth2".into(), secret: SecretRef(secret.into()) }
}

fn basic() -> Manner {
    Manner::Basic { username: "oauth2".into(), password: TOKEN.into() }
}

fn names(folder: &Path) -> BTreeMap<String, bool> {
    let is_link = |path: &Path| path.symlink_metadata().unwrap().is_symlink();
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), is_link(&entry.path())))
        .collect()
}

#[tokio::test]
async fn a_commit_comes_over_http_and_then_from_the_mirror() {
    let place = Place::new();
    let first = commit(&place.repositories().join("a.git"), "main", &[(FILE, "src/triangle.py", b"one")]);
    let second = commit(&place.repositories().join("a.git"), "main", &[(PROGRAM, "src/triangle.py", b"two")]);
    let server = Server::start(&place.repositories(), Manner::Open);
    let url = format!("{}/a.git", server.url);

    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let watch = Watch::default().on_progress(move |progress| ears.lock().unwrap().push(progress));
    let into = place.folder.path().join("one");
    let checkout = place.cache.checkout(&Source::parse(&url, &first).unwrap(), &into, &watch).await.unwrap();
    assert_eq!(checkout.commit.as_str(), first);
    assert_eq!(place.file("one/src/triangle.py"), "one");
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    assert!(heard.iter().any(|progress| matches!(progress, Progress::Receiving { objects_total: 1.., .. })));
    assert!(heard.iter().any(|progress| matches!(progress, Progress::Writing { .. })));

    let asked = server.requests();
    place.checkout(&Source::parse(&url, &second).unwrap(), "two").await.unwrap();
    assert_eq!(place.file("two/src/triangle.py"), "two");
    assert_eq!(server.requests(), asked, "the mirror had it");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            fs::metadata(place.folder.path().join("two/src/triangle.py")).unwrap().permissions().mode();
        assert_eq!(mode & 0o100, 0o100, "the program stays executable");
    }
}

#[tokio::test]
async fn branches_and_tags_mean_what_they_mean_now() {
    let place = Place::new();
    let path = place.repositories().join("a.git");
    let first = commit(&path, "main", &[(FILE, "a", b"1")]);
    let server = Server::start(&place.repositories(), Manner::Open);
    let url = format!("{}/a.git", server.url);
    let main = Source::parse(&url, "main").unwrap();
    assert_eq!(place.checkout(&main, "one").await.unwrap().commit.as_str(), first);

    let second = commit(&path, "main", &[(FILE, "a", b"2")]);
    let upstream = git2::Repository::open_bare(&path).unwrap();
    let target = upstream.find_object(git2::Oid::from_str(&first).unwrap(), None).unwrap();
    let tagger = git2::Signature::new("Lea", "lea@uni.example", &git2::Time::new(0, 0)).unwrap();
    upstream.tag("v1.0", &target, &tagger, "annotated", false).unwrap();
    assert_eq!(place.checkout(&main, "two").await.unwrap().commit.as_str(), second);
    let tag = Source::parse(&url, "v1.0").unwrap();
    assert_eq!(place.checkout(&tag, "three").await.unwrap().commit.as_str(), first);

    commit(&path, "short", &[(FILE, "a", b"3")]);
    let short = Source::parse(&url, "short").unwrap();
    place.checkout(&short, "four").await.unwrap();
    upstream.find_reference("refs/heads/short").unwrap().delete().unwrap();
    let error = place.checkout(&short, "five").await.unwrap_err();
    assert!(matches!(error, Error::UnknownRevision { .. }), "a branch that is gone is unknown: {error}");
}

#[tokio::test]
async fn a_commit_that_no_branch_holds_is_asked_for_by_id() {
    let place = Place::new();
    let path = place.repositories().join("a.git");
    let lost = commit(&path, "side", &[(FILE, "a", b"side")]);
    commit(&path, "main", &[(FILE, "a", b"main")]);
    let upstream = git2::Repository::open_bare(&path).unwrap();
    upstream.find_reference("refs/heads/side").unwrap().delete().unwrap();
    let server = Server::start(&place.repositories(), Manner::Open);
    let source = Source::parse(&format!("{}/a.git", server.url), &lost).unwrap();

    let error = place.checkout(&source, "no").await.unwrap_err();
    assert!(matches!(error, Error::UnknownRevision { .. }) && !error.is_retryable(), "{error:?}");

    upstream.config().unwrap().set_bool("uploadpack.allowAnySHA1InWant", true).unwrap();
    place.checkout(&source, "yes").await.unwrap();
    assert_eq!(place.file("yes/a"), "side");
}

#[tokio::test]
async fn a_token_by_reference_opens_a_protected_repository() {
    let place = Place::new();
    let id = commit(&place.repositories().join("a.git"), "main", &[(FILE, "a", b"1")]);
    let server = place.trusted(basic());
    let source = Source::parse(&format!("{}/a.git", server.url), &id).unwrap();

    let without = place.checkout(&source, "without").await.unwrap_err();
    assert!(matches!(without, Error::AuthenticationRefused { .. }), "{without:?}");
    let wrong = place
        .checkout(&source.clone().with_credential(credential("wrong-token")), "wrong")
        .await
        .unwrap_err();
    assert!(matches!(wrong, Error::AuthenticationRefused { .. }) && !wrong.is_retryable(), "{wrong:?}");
    assert_eq!(server.credentials(), 1, "a refused credential is offered once");
    let missing =
        place.checkout(&source.clone().with_credential(credential("none")), "none").await.unwrap_err();
    assert!(matches!(missing, Error::SecretUnavailable { .. }) && !missing.is_retryable(), "{missing:?}");

    let right = source.clone().with_credential(credential("demo-token"));
    place.checkout(&right, "right").await.unwrap();
    assert_eq!(place.file("right/a"), "1");
    let again = place.checkout(&source, "again").await.unwrap_err();
    assert!(
        matches!(again, Error::AuthenticationRefused { .. }),
        "what one credential fetched is not there for a caller without: {again:?}"
    );
    for error in [without, wrong, missing, again] {
        assert!(!format!("{error} {error:?}").contains("glpat"), "{error:?}");
    }
    for entry in walk(place.folder.path()) {
        let content = fs::read(&entry).unwrap();
        assert!(!content.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()), "{}", entry.display());
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test]
async fn a_secret_goes_only_where_its_keeper_lets_it_go() {
    let place = Place::new();
    let id = commit(&place.repositories().join("a.git"), "main", &[(FILE, "a", b"1")]);
    let _trusted = place.trusted(basic());
    let other = Server::start(&place.repositories(), basic());
    let source = Source::parse(&format!("{}/a.git", other.url), &id).unwrap();
    let error = place.checkout(&source.with_credential(credential("demo-token")), "a").await.unwrap_err();
    assert!(matches!(&error, Error::SecretRefused { .. }) && !error.is_retryable(), "{error:?}");
    let remedy = format!(
        "secret `demo-token` may not be sent to `{0}/a.git`; if it should be, add the line `{0}/`",
        other.url
    );
    assert!(error.to_string().starts_with(&remedy), "{error}");
    assert_eq!(other.requests(), 0, "nothing was asked of it");

    // Never in the clear, whatever the list says; nobody is asked, so that the host need not be there.
    let far = "http://gitlab.example/a.git";
    place.secrets.0.lock().unwrap().push("http://gitlab.example/".parse().unwrap());
    let source = Source::parse(far, &id).unwrap().with_credential(credential("demo-token"));
    let error = place.checkout(&source, "a").await.unwrap_err();
    assert!(matches!(&error, Error::SecretInTheClear { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn what_repeats_a_secret_is_not_told() {
    let place = Place::new();
    for manner in [Manner::Echo, Manner::EchoInGit] {
        let echo = place.trusted(manner);
        let source = Source::parse(&format!("{}/a.git", echo.url), "main").unwrap();
        let error = place.checkout(&source.with_credential(credential("demo-token")), "a").await.unwrap_err();
        assert_eq!(echo.credentials(), 1);
        let told = format!("{error} {error:?}");
        let in_base64 = &base64_lite::encode(format!("oauth2:{TOKEN}").as_bytes())[12..30];
        assert!(!told.contains(TOKEN) && !told.contains(in_base64), "{told}");
    }
}

#[tokio::test]
async fn only_servers_that_are_listed_are_asked() {
    let place = Place::new();
    let path = place.repositories().join("courses/a.git");
    let id = commit(&path, "main", &[(FILE, "a", b"1")]);
    let server = Server::start(&place.repositories(), Manner::Open);
    let listed = Place::with(Options {
        sources: vec![format!("{}/courses/", server.url).parse().unwrap()],
        local_sources: LocalSources::Allowed,
        ..Options::default()
    });
    listed
        .checkout(&Source::parse(&format!("{}/courses/a.git", server.url), &id).unwrap(), "a")
        .await
        .unwrap();
    let asked = server.requests();
    for url in [
        format!("{}/a.git", server.url),
        format!("{}/courses/../a.git", server.url),
        path.display().to_string(),
    ] {
        let error = listed.checkout(&Source::parse(&url, &id).unwrap(), "b").await.unwrap_err();
        assert!(matches!(&error, Error::SourceRefused { .. }) && !error.is_retryable(), "{error:?}");
    }
    assert_eq!(server.requests(), asked);
}

#[tokio::test]
async fn a_redirection_to_another_host_does_not_get_the_token() {
    let place = Place::new();
    let id = commit(&place.repositories().join("a.git"), "main", &[(FILE, "a", b"1")]);
    let thief = place.trusted(basic());
    let server = place.trusted(Manner::Redirect(thief.url.clone()));
    let source = Source::parse(&format!("{}/a.git", server.url), &id).unwrap();
    let error = place.checkout(&source.with_credential(credential("demo-token")), "a").await.unwrap_err();
    assert!(matches!(error, Error::AuthenticationRefused { .. }), "{error:?}");
    assert!(thief.requests() > 0, "the redirection was followed");
    assert_eq!(thief.credentials(), 0);
}

#[tokio::test]
async fn answers_of_the_server_are_sorted_into_passing_and_lasting() {
    let place = Place::new();
    for (status, retryable) in
        [(503, true), (500, true), (429, true), (404, false), (403, false), (400, false)]
    {
        let server = Server::start(&place.repositories(), Manner::Status(status));
        let source = Source::parse(&format!("{}/a.git", server.url), "main").unwrap();
        let error = place.checkout(&source, "a").await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{status}: {error:?}");
    }
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = Source::parse(&format!("http://{gone}/a.git"), "main").unwrap();
    let error = place.checkout(&source, "a").await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn local_repositories_are_read_only_where_that_is_allowed() {
    let place = Place::new();
    let path = place.repositories().join("a.git");
    let id = commit(&path, "main", &[(FILE, "a", b"1")]);
    for (number, url) in [path.display().to_string(), format!("file://{}", path.display())].iter().enumerate()
    {
        let source = Source::parse(url, &id).unwrap();
        place.checkout(&source, &format!("local-{number}")).await.unwrap();
        assert_eq!(place.file(&format!("local-{number}/a")), "1");
        let strict = Place::with(Options::default());
        let error = strict.checkout(&source, "a").await.unwrap_err();
        assert!(matches!(error, Error::LocalSourceRefused { .. }), "{error:?}");
    }
    let missing = Source::parse(&place.repositories().join("no.git").display().to_string(), "main").unwrap();
    let error = place.checkout(&missing, "missing").await.unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn links_that_lead_out_and_submodules_do_no_harm() {
    let place = Place::new();
    let path = place.repositories().join("a.git");
    let id = commit(
        &path,
        "main",
        &[
            (FILE, "data/points.csv", b"1,2"),
            (LINK, "inside", b"data/points.csv"),
            (LINK, "data/up", b"../data"),
            (LINK, "absolute", b"/etc/passwd"),
            (LINK, "out", b"../../etc/passwd"),
            (LINK, "winding", b"data/up/../../../x"),
            (SUBMODULE, "module", b"1111111111111111111111111111111111111111"),
            (FILE, ".gitattributes", b"* filter=evil eol=crlf\n"),
        ],
    );
    let source = Source::parse(&path.display().to_string(), &id).unwrap();
    let checkout = place.checkout(&source, "a").await.unwrap();
    assert_eq!((checkout.written.links_blocked, checkout.written.submodules_skipped), (3, 1));
    let expected = [
        (".gitattributes", false),
        ("absolute", true),
        ("data", false),
        ("inside", true),
        ("module", false),
        ("out", true),
        ("winding", true),
    ];
    assert_eq!(names(&checkout.path), expected.map(|(name, link)| (name.to_owned(), link)).into());
    for blocked in ["absolute", "out", "winding"] {
        assert_eq!(fs::read_link(checkout.path.join(blocked)).unwrap().to_str(), Some(blocked));
        assert!(fs::metadata(checkout.path.join(blocked)).is_err(), "{blocked} leads somewhere");
    }
    assert_eq!(place.file("a/inside"), "1,2");
    assert!(names(&checkout.path.join("module")).is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn names_are_what_the_system_takes_and_the_cache_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let path = place.repositories().join("a.git");
    let id = commit(&path, "main", &[(FILE, "a\\b.py", b"1"), (FILE, "grüße", b"2")]);
    let source = Source::parse(&path.display().to_string(), &id).unwrap();
    place.checkout(&source, "a").await.unwrap();
    assert_eq!((place.file("a/a\\b.py"), place.file("a/grüße")), ("1".to_owned(), "2".to_owned()));
    for folder in ["cache", "cache/mirrors", "cache/locks"] {
        let mode = fs::metadata(place.folder.path().join(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }

    let long = "x".repeat(300);
    let id = commit(&path, "main", &[(FILE, &long, b"1")]);
    let source = Source::parse(&path.display().to_string(), &id).unwrap();
    let error = place.checkout(&source, "b").await.unwrap_err();
    assert!(
        matches!(&error, Error::UnsafeTree { path, .. } if path.starts_with("xxx")) && !error.is_retryable(),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_and_many_caches_share_one_folder() {
    let place = Place::new();
    let id = commit(&place.repositories().join("a.git"), "main", &[(FILE, "a", b"1")]);
    let server = Server::start(&place.repositories(), Manner::Open);
    let source = Source::parse(&format!("{}/a.git", server.url), &id).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..24 {
        // Every second one has a cache object of its own, as another process would.
        let cache = match number % 2 {
            0 => place.cache.clone(),
            _ => RepositoryCache::new(
                place.folder.path().join("cache"),
                Options::default(),
                Arc::new(NoSecrets),
            )
            .unwrap(),
        };
        let (source, into) = (source.clone(), place.folder.path().join(format!("run-{number}")));
        tasks.spawn(async move { cache.checkout(&source, &into, &Watch::default()).await });
    }
    for outcome in tasks.join_all().await {
        assert_eq!(fs::read_to_string(outcome.unwrap().path.join("a")).unwrap(), "1");
    }
    assert_eq!(server.requests(), 2, "one fetch served all");
    assert!(names(place.folder.path()).keys().all(|name| !name.ends_with(".partial")));
}

#[tokio::test]
async fn an_occupied_destination_is_left_alone() {
    let place = Place::new();
    let path = place.repositories().join("a.git");
    let id = commit(&path, "main", &[(FILE, "a", b"new")]);
    let source = Source::parse(&path.display().to_string(), &id).unwrap();
    fs::create_dir(place.folder.path().join("taken")).unwrap();
    fs::write(place.folder.path().join("taken/a"), "old").unwrap();
    let error = place.checkout(&source, "taken").await.unwrap_err();
    assert!(matches!(error, Error::DestinationExists { .. }), "{error:?}");
    assert_eq!(place.file("taken/a"), "old");
}
