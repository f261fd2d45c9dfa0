//! The bare mirror of one repository.
//!
//! The mirror's lock file decides: fetching, creating and removing the mirror hold it exclusively, reading holds it
//! shared, in this process and in others. A process that dies releases it.
//! A fetch that dies half-way leaves an unreferenced temporary pack; the references change only after a whole pack.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    CommitId, Credential, Error, Options, Revision, SecretSource, Source, UrlPrefix, Watch, Written,
    line::Line, objects::Objects, tree::Writer,
};

/// The mirror of one source, and the request of one caller.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    pub(crate) folder: Arc<Path>,
    pub(crate) key: String,
    pub(crate) source: Source,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) options: Arc<Options>,
    pub(crate) watch: Watch,
    pub(crate) line: Line,
    /// Held until the last thread is done, even if the caller no longer waits.
    pub(crate) _place: Arc<OwnedSemaphorePermit>,
}

/// Whether a mirror may hold what earlier fetches left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    New,
    Old,
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

    /// Writes the files of `commit` to `into`, which must not exist or be empty.
    pub(crate) fn lay_out(&self, commit: &CommitId, into: &Path) -> Result<Written, Error> {
        let _lock = self.lock(File::lock_shared)?;
        let repository = git2::Repository::open_bare(self.path()).map_err(|fault| self.broken(&fault))?;
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

    pub(crate) fn lock(&self, how: fn(&File) -> io::Result<()>) -> Result<File, Error> {
        let file = open_lock(&self.folder, &self.key).map_err(Error::io("opening a mirror's lock"))?;
        how(&file).map_err(Error::io("locking a mirror"))?;
        // Writing sets the file's time, which tells what mirror has been unused for longest; losing it costs little.
        let _ = (&file).write_all(b".");
        self.check()?;
        Ok(file)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.watch.cancel.is_cancelled() { Err(Error::Canceled) } else { Ok(()) }
    }

    pub(crate) fn open_or_create(&self) -> Result<(git2::Repository, Age), Error> {
        let path = self.path();
        if let Ok(repository) = git2::Repository::open_bare(&path) {
            return Ok((repository, Age::Old));
        }
        // What is there, if anything, was left by a process that died while it made the mirror.
        remove_folder(&path).map_err(Error::io("removing a broken mirror"))?;
        let repository = git2::Repository::init_bare(&path).map_err(|fault| self.broken(&fault))?;
        Ok((repository, Age::New))
    }

    /// Removes what the mirror has, so that the next fetch receives everything again.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        remove_folder(&self.path()).map_err(Error::io("removing a broken mirror"))
    }

    /// As [`clear`](Self::clear), for callers without the lock.
    pub(crate) fn clear_alone(&self) -> Result<(), Error> {
        let _lock = self.lock(File::lock)?;
        self.clear()
    }

    pub(crate) fn broken(&self, fault: &git2::Error) -> Error {
        Error::Mirror { url: self.source.url.clone(), message: fault.message().to_owned() }
    }

    pub(crate) fn secret(&self) -> Result<Option<SecretString>, Error> {
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

    pub(crate) fn objects<'a>(&'a self, repository: &'a git2::Repository) -> Result<Objects<'a>, Error> {
        Objects::new(repository, &self.source.url, self.options.object_bytes_max)
    }

    /// Removes a mirror that is too large, or holds an object whose next reader would be ended by its size.
    pub(crate) fn bound_size(&self, repository: &git2::Repository) -> Result<(), Error> {
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
    pub(crate) fn make_room(&self) {
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
