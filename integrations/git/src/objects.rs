//! Reads commits, tags and trees of a mirror, none before its size is known: a pack of a few kilobytes can hold a
//! commit of a gigabyte, which libgit2 would read into memory.

use git2::{ObjectType, Oid, Repository, Tree};

use crate::{CommitId, Error, source::RepositoryUrl};

/// A tag may be one of a tag.
const TAGS_MAX: usize = 16;

pub(crate) struct Objects<'a> {
    repository: &'a Repository,
    odb: git2::Odb<'a>,
    url: &'a RepositoryUrl,
    bytes_max: u64,
}

impl<'a> Objects<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        url: &'a RepositoryUrl,
        bytes_max: u64,
    ) -> Result<Self, Error> {
        let odb = repository.odb().map_err(|fault| unusable(url, &fault))?;
        Ok(Self { repository, odb, url, bytes_max })
    }

    pub(crate) fn has_commit(&self, commit: &CommitId) -> bool {
        let kind = oid(commit).and_then(|id| self.odb.read_header(id)).map(|(_, kind)| kind);
        kind.is_ok_and(|kind| kind == ObjectType::Commit)
    }

    /// The commit that a branch or a tag means.
    pub(crate) fn peel(&self, mut id: Oid) -> Result<Option<CommitId>, Error> {
        for _ in 0..TAGS_MAX {
            match self.check(id)? {
                (_, ObjectType::Commit) => return Ok(id.to_string().parse().ok()),
                (_, ObjectType::Tag) => id = self.read(self.repository.find_tag(id))?.target_id(),
                _ => break,
            }
        }
        Ok(None)
    }

    pub(crate) fn tree_of(&self, commit: &CommitId) -> Result<Oid, Error> {
        let id = self.read(oid(commit))?;
        self.check_kind(id, ObjectType::Commit)?;
        Ok(self.read(self.repository.find_commit(id))?.tree_id())
    }

    pub(crate) fn tree(&self, id: Oid) -> Result<Tree<'a>, Error> {
        self.check_kind(id, ObjectType::Tree)?;
        self.read(self.repository.find_tree(id))
    }

    /// The size of a file, which is not bounded here.
    pub(crate) fn size(&self, id: Oid) -> Result<u64, Error> {
        Ok(self.check(id)?.0)
    }

    pub(crate) fn blob(&self, id: Oid) -> Result<git2::Blob<'a>, Error> {
        self.read(self.repository.find_blob(id))
    }

    /// Checks every object that is here, also those that only the next fetch would read.
    pub(crate) fn check_all(&self, mut go_on: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let mut judgment = Ok(());
        let outcome = self.odb.foreach(|id| {
            judgment = go_on().and_then(|()| self.check(*id).map(drop));
            judgment.is_ok()
        });
        judgment?;
        self.read(outcome)
    }

    /// A tree may call a file of any size a folder.
    fn check_kind(&self, id: Oid, wanted: ObjectType) -> Result<(), Error> {
        match self.check(id)? {
            (_, kind) if kind == wanted => Ok(()),
            (_, kind) => {
                let message = format!("`{id}` is a {kind} where a {wanted} should be");
                Err(Error::Repository { url: self.url.clone(), message })
            }
        }
    }

    fn check(&self, id: Oid) -> Result<(u64, ObjectType), Error> {
        let (size, kind) = self.read(self.odb.read_header(id))?;
        let size = size as u64;
        if kind != ObjectType::Blob && size > self.bytes_max {
            return Err(Error::LimitExceeded { limit: "object_bytes_max", max: self.bytes_max });
        }
        Ok((size, kind))
    }

    fn read<T>(&self, outcome: Result<T, git2::Error>) -> Result<T, Error> {
        outcome.map_err(|fault| unusable(self.url, &fault))
    }
}

pub(crate) fn unusable(url: &RepositoryUrl, fault: &git2::Error) -> Error {
    Error::Repository { url: url.clone(), message: fault.message().to_owned() }
}

fn oid(commit: &CommitId) -> Result<Oid, git2::Error> {
    Oid::from_str(commit.as_str())
}
