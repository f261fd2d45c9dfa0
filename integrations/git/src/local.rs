//! A repository of this machine.
//!
//! It is not fetched with libgit2's local transport, which reads every reference and every commit before it takes one:
//! a broken branch that nobody asked for would fail the checkout. Here one commit is copied with its files, and without
//! its history, which a checkout does not need.

#[cfg(not(unix))]
use std::path::Path;
use std::{collections::HashSet, io, path::PathBuf};

use git2::{Oid, Repository};

#[cfg(unix)]
use crate::owner::owner_and_user;
use crate::{
    CommitId, Error, Options, Progress, Watch,
    advertised::{Advertised, PEELED},
    objects::{EntryKind, Objects, Peeled},
    server_words,
    source::RepositoryUrl,
    tree::within,
};

pub(crate) struct Local {
    repository: Repository,
}

impl Local {
    /// # Errors
    ///
    /// [`Error::RepositoryNotFound`], [`Error::OwnedByAnother`] or [`Error::UnsupportedFormat`].
    pub(crate) fn open(url: &RepositoryUrl) -> Result<Self, Error> {
        let path = url.local_path().ok_or_else(|| Error::RepositoryNotFound { url: url.clone() })?;
        match Repository::open(&path) {
            Ok(repository) => Ok(Self { repository }),
            Err(fault) => Err(unopened(url, path, &fault)),
        }
    }

    /// Its references. One that cannot be read is left out, as `git upload-pack` does.
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
        Ok(Advertised::new(refs))
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

fn unopened(url: &RepositoryUrl, path: PathBuf, fault: &git2::Error) -> Error {
    use git2::ErrorCode as Code;

    if server_words::is_other_object_format(fault.message()) {
        return Error::UnsupportedFormat { url: url.clone() };
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
