//! A repository of this machine.
//!
//! It is not fetched with libgit2's local transport, which reads every reference and every commit before it takes one:
//! a broken branch that nobody asked for would fail the checkout. Here one commit is copied with its files, and without
//! its history, which a checkout does not need.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use git2::{Oid, Repository, RepositoryOpenFlags};

#[cfg(unix)]
use crate::owner::owner_and_user;
use crate::{
    CommitId, Error, Options, Progress, Watch,
    advertised::{Advertised, PACKED, PEELED, Unreadable},
    objects::{EntryKind, Objects, Peeled},
    repository_url::RepositoryUrl,
    server_words,
    tree::within,
};

/// How many files of references are looked at for what is wrong with them.
const UNREAD_MAX: usize = 10_000;

/// Longest file of packed references that is looked at for what is wrong with it: a million of them.
const PACKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) struct Local {
    repository: Repository,
}

impl Local {
    /// # Errors
    ///
    /// [`Error::RepositoryNotFound`], [`Error::OwnedByAnother`] or [`Error::UnsupportedFormat`].
    pub(crate) fn open(url: &RepositoryUrl) -> Result<Self, Error> {
        let path = url.local_path().ok_or_else(|| Error::RepositoryNotFound { url: url.clone() })?;
        let opened = Repository::open(&path).or_else(|fault| match fault.code() {
            // Its work tree may lie where this worker has none; nothing is read from it.
            git2::ErrorCode::NotFound => Repository::open_ext(&path, bare(), None::<&Path>),
            _ => Err(fault),
        });
        match opened {
            Ok(repository) => Ok(Self { repository }),
            Err(fault) => Err(unopened(url, path, &fault)),
        }
    }

    /// Its references. One that cannot be read is told apart, and fails only what asks for it.
    pub(crate) fn advertised(&self, objects: &Objects<'_>) -> Result<Advertised, git2::Error> {
        let head = self.repository.refname_to_id("HEAD").ok().map(|id| ("HEAD".to_owned(), id));
        let mut refs: Vec<(String, Oid)> = head.into_iter().collect();
        for reference in self.repository.references()?.flatten() {
            let target = reference.resolve().ok().and_then(|direct| direct.target());
            let (Ok(name), Some(id)) = (reference.name(), target) else { continue };
            refs.push((name.to_owned(), id));
            if let Ok(Peeled::Commit(commit)) = objects.peel(id)
                && let Ok(peeled) = Oid::from_str(commit.as_str())
                && peeled != id
            {
                refs.push((format!("{name}{PEELED}"), peeled));
            }
        }
        let unreadable = self.unreadable(&refs);
        let head = self.repository.find_reference("HEAD").ok();
        let head = head.and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
        Ok(Advertised::new(refs).with_unreadable(unreadable, head))
    }

    /// The files of branches and tags, and `HEAD`, that say nothing, as after a crash or on a full disk.
    fn unreadable(&self, refs: &[(String, Oid)]) -> Vec<Unreadable> {
        let known: HashSet<&str> = refs.iter().map(|(name, _)| name.as_str()).collect();
        let root = self.repository.commondir();
        let mut names = vec!["HEAD".to_owned()];
        let mut pending = vec!["refs/heads".to_owned(), "refs/tags".to_owned()];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
                // A name that is not Unicode cannot be asked for.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let name = format!("{folder}/{name}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => pending.push(name),
                    _ if names.len() < UNREAD_MAX && !is_lock(&name) => names.push(name),
                    _ => {}
                }
            }
        }
        let unread = names.into_iter().filter(|name| !known.contains(name.as_str()));
        let unreadable = unread.filter_map(|name| match self.repository.find_reference(&name) {
            Err(fault) if fault.code() != git2::ErrorCode::NotFound => {
                Some(Unreadable { name, reason: fault.message().to_owned() })
            }
            _ => None,
        });
        unreadable.chain(packed_fault(&root.join(PACKED))).collect()
    }

    /// Whether it was cloned with `--filter`, so that it fetches objects when they are used, which is not done here.
    pub(crate) fn is_partial(&self) -> bool {
        let config = self.repository.config();
        config
            .is_ok_and(|config| config.get_entry("extensions.partialclone").is_ok() || has_promisor(&config))
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }
}

/// Copies a commit and its files into the mirror, all of it or nothing.
pub(crate) struct Copying<'a> {
    pub(crate) from: &'a Repository,
    pub(crate) objects: Objects<'a>,
    pub(crate) into: &'a Repository,
    pub(crate) url: &'a RepositoryUrl,
    pub(crate) options: &'a Options,
    pub(crate) watch: &'a Watch,
}

impl Copying<'_> {
    pub(crate) fn run(&self, commit: &CommitId) -> Result<(), Error> {
        let wanted = self.wanted(commit)?;
        let damaged = |fault: git2::Error| Error::Damaged {
            url: self.url.clone(),
            message: fault.message().to_owned(),
        };
        let mut pack = self.from.packbuilder().map_err(damaged)?;
        for id in wanted {
            pack.insert_object(id, None).map_err(damaged)?;
        }
        let folder = self.into.path().join("objects/pack");
        pack.write(&folder, 0).map_err(|fault| match fault.class() {
            git2::ErrorClass::Os => {
                Error::Mirror { url: self.url.clone(), message: fault.message().to_owned() }
            }
            _ => damaged(fault),
        })?;
        let refreshed = self.into.odb().and_then(|odb| odb.refresh());
        refreshed
            .map_err(|fault| Error::Mirror { url: self.url.clone(), message: fault.message().to_owned() })
    }

    /// What the mirror lacks. What it has, it has with all that belongs to it.
    fn wanted(&self, commit: &CommitId) -> Result<Vec<Oid>, Error> {
        let mirror = self
            .into
            .odb()
            .map_err(|fault| Error::Mirror { url: self.url.clone(), message: fault.message().to_owned() })?;
        let id = Oid::from_str(commit.as_str()).expect("a commit ID has 40 hexadecimal digits");
        let mut seen = HashSet::from([id]);
        let mut wanted = vec![id];
        let mut bytes = 0;
        let mut pending = vec![(self.objects.tree_of(commit)?, PathBuf::new())];
        while let Some((tree, path)) = pending.pop() {
            if mirror.exists(tree) || !seen.insert(tree) {
                continue;
            }
            wanted.push(tree);
            for entry in self.objects.tree(tree).map_err(|error| within(error, &path))? {
                let path = path.join(String::from_utf8_lossy(&entry.name).as_ref());
                match entry.kind {
                    EntryKind::Submodule => {}
                    EntryKind::Folder => pending.push((entry.id, path)),
                    _ if mirror.exists(entry.id) || !seen.insert(entry.id) => {}
                    _ => {
                        bytes += self.objects.header(entry.id).map_err(|error| within(error, &path))?.0;
                        self.check(wanted.len() as u64, bytes)?;
                        self.objects.check_whole(entry.id).map_err(|error| within(error, &path))?;
                        wanted.push(entry.id);
                    }
                }
            }
            self.check(wanted.len() as u64, bytes)?;
        }
        Ok(wanted)
    }

    fn check(&self, objects: u64, received_bytes: u64) -> Result<(), Error> {
        if self.watch.cancel.is_cancelled() {
            return Err(Error::Canceled);
        }
        let Options { objects_max, received_bytes_max, .. } = *self.options;
        if objects > objects_max {
            return Err(Error::LimitExceeded { limit: "objects_max", max: objects_max });
        }
        if received_bytes > received_bytes_max {
            return Err(Error::LimitExceeded { limit: "received_bytes_max", max: received_bytes_max });
        }
        self.watch.tell(Progress::Receiving { objects, objects_total: objects, received_bytes });
        Ok(())
    }
}

fn bare() -> RepositoryOpenFlags {
    RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::BARE
}

fn has_promisor(config: &git2::Config) -> bool {
    let Ok(entries) = config.entries(Some(r"^remote\..*\.(promisor|partialclonefilter)$")) else {
        return false;
    };
    let mut is_any = false;
    let _ = entries.for_each(|_| is_any = true);
    is_any
}

/// What is wrong with the file of packed references. libgit2 ends at a line that it cannot read, as if there were no more.
fn packed_fault(path: &Path) -> Option<Unreadable> {
    let unreadable = |reason| Unreadable { name: PACKED.to_owned(), reason };
    let mut content = Vec::new();
    File::open(path).ok()?.take(PACKED_BYTES_MAX + 1).read_to_end(&mut content).ok()?;
    if content.len() as u64 > PACKED_BYTES_MAX {
        let problem =
            format!("it has more than {PACKED_BYTES_MAX} bytes, which is more than is checked for damage");
        return Some(unreadable(problem));
    }
    let is_whole = |line: &[u8]| match line.split_last() {
        Some((b'\n', [b'#', ..])) => true,
        Some((b'\n', [b'^', id @ ..])) => is_id(id),
        Some((b'\n', line)) => line.get(40) == Some(&b' ') && line.len() > 41 && is_id(&line[..40]),
        _ => false,
    };
    let number = 1 + content.split_inclusive(|byte| *byte == b'\n').position(|line| !is_whole(line))?;
    Some(unreadable(format!("line {number} is no reference, or is cut off")))
}

fn is_id(digits: &[u8]) -> bool {
    digits.trim_ascii_end().len() == 40 && digits.trim_ascii_end().iter().all(u8::is_ascii_hexdigit)
}

/// A reference that is being written.
fn is_lock(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "lock")
}

fn unopened(url: &RepositoryUrl, path: PathBuf, fault: &git2::Error) -> Error {
    use git2::ErrorCode as Code;

    if server_words::is_other_object_format(fault.message()) {
        return Error::UnsupportedFormat { url: url.clone() };
    }
    if let Some(extension) = server_words::unsupported_extension(fault.message()) {
        let remedy = match extension {
            "extensions.refstorage" => "; run `git refs migrate --ref-format=files` there",
            _ => "",
        };
        return Error::UnsupportedExtension { url: url.clone(), extension: extension.to_owned(), remedy };
    }
    match fault.code() {
        Code::Owner => {
            let (owner, user) = owner_and_user(&path);
            Error::OwnedByAnother { path, owner, user }
        }
        Code::NotFound => match std::fs::metadata(&path) {
            // libgit2 takes a folder that it may not read for one that is not there.
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                Error::Io { what: "reading the local repository", source }
            }
            _ => Error::RepositoryNotFound { url: url.clone() },
        },
        _ => Error::Damaged { url: url.clone(), message: fault.message().to_owned() },
    }
}

#[cfg(not(unix))]
fn owner_and_user(_: &Path) -> (String, String) {
    ("another user".to_owned(), "its own user".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_references_are_read_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PACKED);
        let file = File::create(&path).unwrap();
        let id = "0123456789012345678901234567890123456789";
        std::fs::write(&path, format!("# pack-refs\n{id} refs/heads/main\n^{id}\n")).unwrap();
        assert!(packed_fault(&path).is_none());
        // Without blocks on the disk.
        file.set_len(1 << 40).unwrap();
        let fault = packed_fault(&path).unwrap();
        assert!(fault.reason.starts_with("it has more than 67108864 bytes"), "{}", fault.reason);
    }
}
