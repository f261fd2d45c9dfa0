//! The bare mirror of one repository.
//!
//! The mirror's lock file decides: whoever fetches, creates or removes the mirror holds it exclusively, whoever reads
//! holds it shared, in this process and in others. A process that dies lets go of it.
//! A fetch that dies half-way leaves an unreferenced temporary pack; the references change only after a whole pack.

use std::{
    cell::{Cell, RefCell},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use git2::{
    AutotagOption, CertificateCheckStatus, Cred, CredentialType, FetchOptions, FetchPrune, RemoteCallbacks,
    RemoteRedirect,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    CommitId, Credential, Error, Options, Progress, Revision, SecretSource, Source, UrlPrefix, Watch,
    Written,
    objects::{self, Objects},
    secret::without_secret,
    ssh,
    tree::Writer,
};

const BRANCHES_AND_TAGS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// The mirror of one source, and the wish of one caller.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    pub(crate) folder: Arc<Path>,
    pub(crate) key: String,
    pub(crate) source: Source,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) options: Arc<Options>,
    pub(crate) watch: Watch,
    /// Held until the last thread is done, also when nobody waits for it any more.
    pub(crate) _place: Arc<OwnedSemaphorePermit>,
}

/// The name of the mirror of `source`.
///
/// The credential's reference is part of it, so that what was fetched with one credential is not read by a caller
/// who has another or none.
pub(crate) fn key(source: &Source) -> String {
    let mut hash = Sha256::new();
    hash.update(source.url.as_str());
    if let Some(Credential { username, secret }) = &source.credential {
        for part in [username, &secret.0] {
            hash.update([0]);
            hash.update(part);
        }
    }
    hash.finalize().iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

impl Mirror {
    /// The commit, if it is known by its ID and here already.
    pub(crate) fn find(&self) -> Result<Option<CommitId>, Error> {
        let Revision::Commit(commit) = &self.source.revision else { return Ok(None) };
        let _lock = self.lock(File::lock_shared)?;
        match git2::Repository::open_bare(self.path()) {
            Ok(repository) => Ok(self.objects(&repository)?.has_commit(commit).then(|| commit.clone())),
            Err(_) => Ok(None),
        }
    }

    /// Brings the mirror up to date and answers which commit the revision means.
    pub(crate) fn fetch(&self) -> Result<CommitId, Error> {
        let _lock = self.lock(File::lock)?;
        let repository = self.open_or_create()?;
        // Another task may have fetched it while this one waited for the lock.
        if let Revision::Commit(commit) = &self.source.revision
            && self.objects(&repository)?.has_commit(commit)
        {
            return Ok(commit.clone());
        }
        let secret = self.secret()?;
        self.receive(&repository, &BRANCHES_AND_TAGS, FetchPrune::On, secret.as_ref())?;
        let commit = match self.resolve(&repository)? {
            Some(commit) => commit,
            None => self.receive_by_id(&repository, secret.as_ref())?,
        };
        self.make_room();
        Ok(commit)
    }

    /// Writes the files of `commit` to `into`, which must not exist or be empty.
    pub(crate) fn lay_out(&self, commit: &CommitId, into: &Path) -> Result<Written, Error> {
        let _lock = self.lock(File::lock_shared)?;
        let repository = git2::Repository::open_bare(self.path())
            .map_err(|fault| Error::Io { what: "opening the mirror", source: io::Error::other(fault) })?;
        let tree = self.objects(&repository)?.tree_of(commit)?;
        let partial = Partial::beside(into)?;
        let writer = Writer {
            objects: self.objects(&repository)?,
            commit,
            options: &self.options,
            watch: &self.watch,
            written: Written::default(),
            links: Vec::new(),
        };
        let written = writer.write(tree, &partial.0)?;
        self.check()?;
        match fs::rename(&partial.0, into) {
            Ok(()) => Ok(written),
            Err(fault)
                if matches!(
                    fault.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                Err(Error::DestinationExists { path: into.to_owned() })
            }
            Err(fault) => Err(Error::Io { what: "putting the checkout into place", source: fault }),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("mirrors").join(format!("{}.git", self.key))
    }

    fn lock(&self, how: fn(&File) -> io::Result<()>) -> Result<File, Error> {
        let file = open_lock(&self.folder, &self.key).map_err(Error::io("opening a mirror's lock"))?;
        how(&file).map_err(Error::io("locking a mirror"))?;
        // Writing sets the file's time, which tells what mirror has been unused for longest; losing it costs little.
        let _ = (&file).write_all(b".");
        self.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), Error> {
        if self.watch.cancel.is_cancelled() { Err(Error::Canceled) } else { Ok(()) }
    }

    fn open_or_create(&self) -> Result<git2::Repository, Error> {
        let path = self.path();
        if let Ok(repository) = git2::Repository::open_bare(&path) {
            return Ok(repository);
        }
        // What is there, if anything, was left by a process that died while it made the mirror.
        remove_folder(&path).map_err(Error::io("removing a broken mirror"))?;
        git2::Repository::init_bare(&path).map_err(|fault| objects::unusable(&self.source.url, &fault))
    }

    fn secret(&self) -> Result<Option<SecretString>, Error> {
        let Some(credential) = &self.source.credential else { return Ok(None) };
        let (reference, url) = (credential.secret.clone(), self.source.url.clone());
        if url.is_local() {
            return Ok(None);
        }
        if url.is_in_the_clear() {
            return Err(Error::SecretInTheClear { reference, url });
        }
        let secret = match self.secrets.resolve(&reference) {
            Ok(secret) => secret,
            Err(source) => return Err(Error::SecretUnavailable { reference, source }),
        };
        if secret.places.iter().any(|place| place.covers(&url)) {
            return Ok(Some(secret.text));
        }
        let line = UrlPrefix::of_server(&url).map_or_else(|| url.to_string(), |server| server.to_string());
        Err(Error::SecretRefused { reference, url, line })
    }

    fn objects<'a>(&'a self, repository: &'a git2::Repository) -> Result<Objects<'a>, Error> {
        Objects::new(repository, &self.source.url, self.options.object_bytes_max)
    }

    /// Asks for the commit itself: forges serve commits that no branch holds any more.
    fn receive_by_id(
        &self,
        repository: &git2::Repository,
        secret: Option<&SecretString>,
    ) -> Result<CommitId, Error> {
        let unknown = || Error::UnknownRevision {
            url: self.source.url.clone(),
            revision: self.source.revision.clone(),
        };
        let Revision::Commit(commit) = &self.source.revision else { return Err(unknown()) };
        let refspec = format!("+{commit}:refs/ctutor/{commit}");
        match self.receive(repository, &[&refspec], FetchPrune::Off, secret) {
            Ok(()) if self.objects(repository)?.has_commit(commit) => Ok(commit.clone()),
            // A server that has not this commit, or does not serve by ID, fails in ways of its own.
            Ok(())
            | Err(Error::Repository { .. } | Error::RepositoryNotFound { .. } | Error::HungUp { .. }) => {
                Err(unknown())
            }
            Err(error) => Err(error),
        }
    }

    fn receive(
        &self,
        repository: &git2::Repository,
        refspecs: &[&str],
        prune: FetchPrune,
        secret: Option<&SecretString>,
    ) -> Result<(), Error> {
        self.check()?;
        let stopped = RefCell::new(None);
        let host_key = RefCell::new(None);
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.callbacks(secret, &stopped, &host_key))
            .prune(prune)
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .follow_redirects(RemoteRedirect::Initial);
        let outcome = repository.remote_anonymous(self.source.url.as_str()).and_then(|mut remote| {
            remote.fetch(refspecs, Some(&mut options), None)?;
            Ok(remote.stats().received_objects())
        });
        drop(options);
        match (outcome, stopped.into_inner(), host_key.into_inner()) {
            (_, Some(error), _) => Err(error),
            (Ok(0), None, _) => Ok(()),
            (Ok(_), None, _) => self.bound_size(repository),
            (Err(fault), None, Some(host_key)) if fault.code() == git2::ErrorCode::Certificate => {
                Err(Error::UnknownHostKey { url: self.source.url.clone(), host_key })
            }
            (Err(fault), None, _) => {
                let message = without_secret(fault.message(), self.source.credential.as_ref().zip(secret));
                Err(Error::from_fetch(&self.source.url, &fault, message))
            }
        }
    }

    fn callbacks<'a>(
        &'a self,
        secret: Option<&'a SecretString>,
        stopped: &'a RefCell<Option<Error>>,
        host_key: &'a RefCell<Option<String>>,
    ) -> RemoteCallbacks<'a> {
        let offered = Cell::new(false);
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |url, user, wanted| self.credential(url, user, wanted, secret, &offered));
        if self.source.url.is_ssh() {
            // Only to say which key it was: libgit2 has compared it with `known_hosts`, and its judgment stands.
            callbacks.certificate_check(|shown, _| {
                host_key.replace(shown.as_hostkey().and_then(ssh::describe));
                Ok(CertificateCheckStatus::CertificatePassthrough)
            });
        }
        callbacks.sideband_progress(|_| !self.watch.cancel.is_cancelled());
        callbacks.transfer_progress(|progress| match self.judge(&progress) {
            Ok(()) => true,
            Err(error) => {
                stopped.replace(Some(error));
                false
            }
        });
        callbacks
    }

    fn judge(&self, progress: &git2::Progress<'_>) -> Result<(), Error> {
        self.check()?;
        let received_bytes = progress.received_bytes() as u64;
        let objects_total = progress.total_objects() as u64;
        if received_bytes > self.options.received_bytes_max {
            return Err(Error::LimitExceeded {
                limit: "received_bytes_max",
                max: self.options.received_bytes_max,
            });
        }
        if objects_total > self.options.objects_max {
            return Err(Error::LimitExceeded { limit: "objects_max", max: self.options.objects_max });
        }
        let objects = progress.received_objects() as u64;
        self.watch.tell(Progress::Receiving { objects, objects_total, received_bytes });
        Ok(())
    }

    /// Answers a server that asks who calls. libgit2 asks again for as long as it gets answers, hence `offered`.
    fn credential(
        &self,
        url: &str,
        user: Option<&str>,
        wanted: CredentialType,
        secret: Option<&SecretString>,
        offered: &Cell<bool>,
    ) -> Result<Cred, git2::Error> {
        let refused = |text| git2::Error::new(git2::ErrorCode::Auth, git2::ErrorClass::Http, text);
        if wanted.contains(CredentialType::USERNAME) {
            return Cred::username(user.unwrap_or("git"));
        }
        if offered.replace(true) {
            return Err(refused("the credential was refused"));
        }
        if wanted.contains(CredentialType::SSH_KEY) {
            return Cred::ssh_key_from_agent(user.unwrap_or("git"));
        }
        let (Some(credential), Some(secret)) = (&self.source.credential, secret) else {
            return Err(refused("a credential is wanted and none is configured"));
        };
        if !self.source.url.shares_origin(url) {
            return Err(refused("another host asked for the credential"));
        }
        Cred::userpass_plaintext(&credential.username, secret.expose_secret())
    }

    fn resolve(&self, repository: &git2::Repository) -> Result<Option<CommitId>, Error> {
        let objects = self.objects(repository)?;
        match &self.source.revision {
            Revision::Commit(commit) => Ok(objects.has_commit(commit).then(|| commit.clone())),
            Revision::Name(name) => {
                for kind in ["refs/heads", "refs/tags"] {
                    let target = repository.refname_to_id(&format!("{kind}/{name}"));
                    if let Ok(target) = target
                        && let Some(commit) = objects.peel(target)?
                    {
                        return Ok(Some(commit));
                    }
                }
                Ok(None)
            }
        }
    }

    /// Removes a mirror that is too large, or holds an object whose next reader would be ended by its size.
    fn bound_size(&self, repository: &git2::Repository) -> Result<(), Error> {
        let size = folder_bytes(&self.path()).map_err(Error::io("measuring a mirror"))?;
        let max = self.options.repository_bytes_max;
        let judgment = if size > max {
            Err(Error::LimitExceeded { limit: "repository_bytes_max", max })
        } else {
            self.objects(repository)?.check_all(|| self.check())
        };
        if matches!(judgment, Err(Error::LimitExceeded { .. })) {
            remove_folder(&self.path()).map_err(Error::io("removing an oversized mirror"))?;
        }
        judgment
    }

    /// Removes the mirrors unused for longest beyond `mirrors_max`. One in use is passed over; faults only cost room.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(self.folder.join("mirrors")) else { return };
        let mut others: Vec<(SystemTime, String)> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".git").map(str::to_owned))
            .filter(|key| *key != self.key)
            .filter_map(|key| Some((fs::metadata(lock_path(&self.folder, &key)).ok()?.modified().ok()?, key)))
            .collect();
        let excess = (others.len() + 1).saturating_sub(self.options.mirrors_max.max(1));
        others.sort();
        for (_, key) in others.into_iter().take(excess) {
            let Ok(lock) = open_lock(&self.folder, &key) else { continue };
            if lock.try_lock().is_ok() {
                let removed = remove_folder(&self.folder.join("mirrors").join(format!("{key}.git")));
                tracing::debug!(mirror = key, removed = removed.is_ok(), "made room in the repository cache");
            }
        }
    }
}

/// A folder beside the destination that disappears unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    fn beside(into: &Path) -> Result<Self, Error> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let (Some(parent), Some(name)) = (into.parent(), into.file_name()) else {
            return Err(Error::Io {
                what: "naming the checkout",
                source: io::ErrorKind::InvalidInput.into(),
            });
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            parent.join(format!(".{}.{}-{number}.partial", name.to_string_lossy(), std::process::id()));
        fs::create_dir_all(parent).map_err(Error::io("making the folder of the checkout"))?;
        // A process of the same number may have died here before.
        remove_folder(&path).map_err(Error::io("removing a half-written checkout"))?;
        fs::create_dir(&path).map_err(Error::io("making the checkout"))?;
        Ok(Self(path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = remove_folder(&self.0);
    }
}

fn lock_path(folder: &Path, key: &str) -> PathBuf {
    folder.join("locks").join(key)
}

fn open_lock(folder: &Path, key: &str) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(lock_path(folder, key))
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
        _ => Ok(()),
    }
}

fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut pending = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes)
}
