//! A repository that the real Git and raw objects are written to, and the checkouts of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use ctutor_git::{Error, LocalSources, NoSecrets, Options, RepositoryCache, Revision, Source, Watch};
use git2::{ObjectType, Oid, Repository};
use tempfile::TempDir;

use crate::support::{Manner, Server};

pub(crate) const AUTHOR: &str = "Lea <lea@uni.example> 1700000000 +0000";

pub(crate) struct Upstream {
    pub(crate) folder: TempDir,
    pub(crate) repository: Repository,
    server: Server,
    cache: RepositoryCache,
}

/// How the repository is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Http,
    Path,
}

pub(crate) const EACH_WAY: [By; 2] = [By::Http, By::Path];

impl Upstream {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let repository = Repository::init_bare(folder.path().join("served/a.git")).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        let server = Server::start(&folder.path().join("served"), Manner::Open);
        let cache = cache_in(folder.path());
        Self { folder, repository, server, cache }
    }

    /// As the real Git makes it with this option of `git init`, with one commit on `main`.
    pub(crate) fn with_format(option: &str) -> (Self, String) {
        let upstream = Self::new();
        fs::remove_dir_all(upstream.path()).unwrap();
        let path = upstream.path().display().to_string();
        upstream.git(&["init", "-q", "--bare", option, &path]);
        let tree = upstream.git(&["--git-dir", &path, "write-tree"]);
        let author = ["-c", "user.name=Lea", "-c", "user.email=lea@uni.example"];
        let commit_tree = ["--git-dir", &path, "commit-tree", &tree, "-m", "Work"];
        let commit = upstream.git(&[author.as_slice(), &commit_tree].concat());
        upstream.git(&["--git-dir", &path, "update-ref", "refs/heads/main", &commit]);
        (upstream, commit)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("served/a.git")
    }

    pub(crate) fn url(&self, by: By) -> String {
        match by {
            By::Http => format!("{}/a.git", self.server.url),
            By::Path => self.path().display().to_string(),
        }
    }

    /// Writes an object as it is, without looking at it.
    pub(crate) fn raw(&self, kind: ObjectType, content: &[u8]) -> Oid {
        self.repository.odb().unwrap().write(kind, content).unwrap()
    }

    /// A tree of these modes, names and objects, in this order.
    pub(crate) fn tree(&self, entries: &[(&str, &[u8], Oid)]) -> Oid {
        let entry = |(mode, name, id): &(&str, &[u8], Oid)| {
            [format!("{mode} ").as_bytes(), name, b"\0", id.as_bytes()].concat()
        };
        self.raw(ObjectType::Tree, &entries.iter().flat_map(entry).collect::<Vec<u8>>())
    }

    /// A commit with one file `a` of this content on top of `parents`, on no branch.
    pub(crate) fn commit(&self, content: &str, parents: &[Oid]) -> Oid {
        let file = self.raw(ObjectType::Blob, content.as_bytes());
        let tree = self.tree(&[("100644", b"a", file)]);
        self.commit_of(tree, parents)
    }

    pub(crate) fn commit_of(&self, tree: Oid, parents: &[Oid]) -> Oid {
        let parents: String = parents.iter().map(|id| format!("parent {id}\n")).collect();
        let text = format!("tree {tree}\n{parents}author {AUTHOR}\ncommitter {AUTHOR}\n\nWork\n");
        self.raw(ObjectType::Commit, text.as_bytes())
    }

    /// Lets a reference point to an object, whatever it pointed to before.
    pub(crate) fn set(&self, name: &str, id: Oid) {
        // As Git writes it, without a look at the object.
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{id}\n")).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        self.repository.find_reference(name).unwrap().delete().unwrap();
    }

    pub(crate) fn remove_object(&self, id: Oid) {
        fs::remove_file(self.object_file(id)).unwrap();
    }

    pub(crate) fn object_file(&self, id: Oid) -> PathBuf {
        let digits = id.to_string();
        self.path().join("objects").join(&digits[..2]).join(&digits[2..])
    }

    pub(crate) async fn checkout(&self, by: By, revision: &str) -> Result<Checked, Error> {
        let mut source = Source::parse(&self.url(by), "main").unwrap();
        source.revision = revision.parse()?;
        self.checkout_source(&source).await
    }

    pub(crate) async fn checkout_default(&self, by: By) -> Result<Checked, Error> {
        let source = Source::default_branch(&self.url(by)).unwrap();
        assert_eq!(source.revision, Revision::Default);
        self.checkout_source(&source).await
    }

    async fn checkout_source(&self, source: &Source) -> Result<Checked, Error> {
        let into = TempDir::new_in(self.folder.path()).unwrap();
        let checkout = self.cache.checkout(source, into.path(), &Watch::default()).await?;
        Ok(Checked { commit: checkout.commit.to_string(), written: checkout.written, into })
    }

    /// The commit that a revision means.
    pub(crate) async fn commit_at(&self, by: By, revision: &str) -> Result<String, Error> {
        self.checkout(by, revision).await.map(|checked| checked.commit)
    }

    /// What a refused checkout says, with `URL` for the URL.
    #[track_caller]
    pub(crate) fn told(&self, by: By, outcome: Result<Checked, Error>) -> String {
        outcome.unwrap_err().to_string().replace(&self.url(by), "URL")
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        let mut mirrors = fs::read_dir(self.folder.path().join("cache/mirrors")).unwrap();
        mirrors.next().unwrap().unwrap().path()
    }

    /// Runs the real Git in the folder of the test.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) commit: String,
    pub(crate) written: ctutor_git::Written,
    into: TempDir,
}

impl Checked {
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.into.path().join(name)).unwrap()
    }
}

fn cache_in(folder: &Path) -> RepositoryCache {
    let options = Options { local_sources: LocalSources::Allowed, ..Options::default() };
    RepositoryCache::new(folder.join("cache"), options, Arc::new(NoSecrets)).unwrap()
}
