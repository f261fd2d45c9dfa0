//! Reads commits, tags and trees, none before its size is known: a pack of a few kilobytes can hold a commit of a
//! gigabyte, which libgit2 would read into memory.
//!
//! The objects are parsed here and not by libgit2, which refuses a commit for its author line or its date. Students
//! push what their tools write, and only the tree matters to a checkout.

use git2::{ObjectType, Oid, Repository};

use crate::{CommitId, Error, loose::Loose, repository_url::RepositoryUrl};

/// A tag may be one of a tag.
const TAGS_MAX: usize = 16;
const ID_BYTES: usize = 20;
const MODE_KIND: u32 = 0o170_000;
const MODE_EXECUTABLE: u32 = 0o111;

pub(crate) struct Objects<'a> {
    odb: git2::Odb<'a>,
    loose: Loose,
    url: &'a RepositoryUrl,
    bytes_max: u64,
}

/// What a reference or a tag finally points to.
pub(crate) enum Peeled {
    Commit(CommitId),
    Other(ObjectType),
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) id: Oid,
    pub(crate) kind: EntryKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Folder,
    File,
    Program,
    Link,
    Submodule,
}

impl<'a> Objects<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        url: &'a RepositoryUrl,
        bytes_max: u64,
    ) -> Result<Self, Error> {
        let odb = repository.odb().map_err(|fault| damaged(url, fault.message()))?;
        Ok(Self { odb, loose: Loose::of(repository), url, bytes_max })
    }

    pub(crate) fn has_commit(&self, commit: &CommitId) -> bool {
        let kind = oid(commit).and_then(|id| self.odb.read_header(id)).map(|(_, kind)| kind);
        kind.is_ok_and(|kind| kind == ObjectType::Commit)
    }

    /// What an ID means that a caller has given in full; none if it is not here.
    pub(crate) fn meaning_of(&self, commit: &CommitId) -> Result<Option<Peeled>, Error> {
        match oid(commit) {
            Ok(id) if self.odb.exists(id) => self.peel(id).map(Some),
            _ => Ok(None),
        }
    }

    /// The object whose ID begins with these digits, if there is one and no other.
    pub(crate) fn starting_with(&self, digits: &str) -> Option<Oid> {
        self.odb.exists_prefix(Oid::from_str(digits).ok()?, digits.len()).ok()
    }

    /// Follows tags to what they mean.
    pub(crate) fn peel(&self, mut id: Oid) -> Result<Peeled, Error> {
        for _ in 0..TAGS_MAX {
            match self.header(id)?.1 {
                ObjectType::Commit => return Ok(Peeled::Commit(id.into())),
                ObjectType::Tag => id = self.id_after(id, ObjectType::Tag, b"object ")?,
                other => return Ok(Peeled::Other(other)),
            }
        }
        Err(damaged(self.url, &format!("the tag `{id}` is one of more than {TAGS_MAX} tags of tags")))
    }

    pub(crate) fn tree_of(&self, commit: &CommitId) -> Result<Oid, Error> {
        let id = oid(commit).map_err(|fault| damaged(self.url, fault.message()))?;
        self.id_after(id, ObjectType::Commit, b"tree ")
    }

    pub(crate) fn parents_of(&self, commit: Oid) -> Result<Vec<Oid>, Error> {
        let content = self.content(commit, ObjectType::Commit)?;
        Ok(headers(&content).filter_map(|line| id_in(line.strip_prefix(b"parent ")?)).collect())
    }

    /// The entries of a folder, in the order of the tree.
    pub(crate) fn tree(&self, id: Oid) -> Result<Vec<Entry>, Error> {
        let content = self.content(id, ObjectType::Tree)?;
        let mut rest = content.as_slice();
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let malformed = || damaged(self.url, &format!("the tree `{id}` is malformed"));
            let (mode, name, entry, after) = next_entry(rest).ok_or_else(malformed)?;
            entries.push(Entry { name: name.to_vec(), id: entry, kind: self.entry_kind(mode, entry) });
            rest = after;
        }
        Ok(entries)
    }

    /// The size of a file, which is not bounded here.
    pub(crate) fn file_size(&self, id: Oid) -> Result<u64, Error> {
        let (size, kind) = self.header(id)?;
        self.expect_kind(id, kind, ObjectType::Blob).map(|()| size)
    }

    pub(crate) fn file(&self, id: Oid) -> Result<git2::OdbObject<'_>, Error> {
        self.check_whole(id)?;
        self.odb.read(id).map_err(|fault| self.unreadable(id, &fault))
    }

    /// Whether the whole content of an object can be read without libgit2 running on for ever.
    pub(crate) fn check_whole(&self, id: Oid) -> Result<(), Error> {
        let (size, _) = self.odb.read_header(id).map_err(|fault| self.unreadable(id, &fault))?;
        match self.loose.fault(id, size as u64) {
            None => Ok(()),
            Some(fault) => Err(damaged(self.url, &format!("the object `{id}` cannot be read: {fault}"))),
        }
    }

    /// The size and the kind of an object whose content may be read into memory, unless it is a file.
    pub(crate) fn header(&self, id: Oid) -> Result<(u64, ObjectType), Error> {
        let (size, kind) = self.odb.read_header(id).map_err(|fault| self.unreadable(id, &fault))?;
        let size = size as u64;
        if kind != ObjectType::Blob && size > self.bytes_max {
            return Err(Error::LimitExceeded { limit: "object_bytes_max", max: self.bytes_max });
        }
        Ok((size, kind))
    }

    /// Checks every object that is here, also those that only the next fetch would read.
    pub(crate) fn check_all(&self, mut go_on: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let mut judgment = Ok(());
        let outcome = self.odb.foreach(|id| {
            judgment = go_on().and_then(|()| self.header(*id).map(drop));
            judgment.is_ok()
        });
        judgment?;
        outcome.map_err(|fault| damaged(self.url, fault.message()))
    }

    fn content(&self, id: Oid, wanted: ObjectType) -> Result<Vec<u8>, Error> {
        let (_, kind) = self.header(id)?;
        self.expect_kind(id, kind, wanted)?;
        Ok(self.file(id)?.data().to_vec())
    }

    /// A tree may call a file of any size a folder.
    fn expect_kind(&self, id: Oid, found: ObjectType, wanted: ObjectType) -> Result<(), Error> {
        if found == wanted {
            return Ok(());
        }
        Err(damaged(self.url, &format!("the object `{id}` is a {found}, expected a {wanted}")))
    }

    /// The object that the header of a commit or a tag names.
    fn id_after(&self, id: Oid, kind: ObjectType, key: &[u8]) -> Result<Oid, Error> {
        let content = self.content(id, kind)?;
        let found = headers(&content).find_map(|line| id_in(line.strip_prefix(key)?));
        let key = String::from_utf8_lossy(key);
        found.ok_or_else(|| damaged(self.url, &format!("the {kind} `{id}` has no line `{}`", key.trim_end())))
    }

    fn entry_kind(&self, mode: u32, id: Oid) -> EntryKind {
        match mode & MODE_KIND {
            0o040_000 => EntryKind::Folder,
            0o120_000 => EntryKind::Link,
            0o160_000 => EntryKind::Submodule,
            0o100_000 if mode & MODE_EXECUTABLE != 0 => EntryKind::Program,
            0o100_000 => EntryKind::File,
            // No Git writes another mode. What the object is says more than it.
            _ => match self.odb.read_header(id) {
                Ok((_, ObjectType::Tree)) => EntryKind::Folder,
                Ok((_, ObjectType::Blob)) => EntryKind::File,
                _ => EntryKind::Submodule,
            },
        }
    }

    fn unreadable(&self, id: Oid, fault: &git2::Error) -> Error {
        let what = match fault.code() {
            git2::ErrorCode::NotFound => format!("the object `{id}` is missing"),
            _ => format!("the object `{id}` cannot be read: {}", fault.message()),
        };
        damaged(self.url, &what)
    }
}

pub(crate) fn damaged(url: &RepositoryUrl, message: &str) -> Error {
    Error::Damaged { url: url.clone(), message: message.to_owned() }
}

/// The lines before the message. A signature's further lines begin with a blank, and so have no key.
fn headers(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty())
}

fn id_in(text: &[u8]) -> Option<Oid> {
    let digits = std::str::from_utf8(text).ok()?.trim_end();
    (digits.len() == 2 * ID_BYTES).then(|| Oid::from_str(digits).ok())?
}

/// The mode, the name and the object of the first entry, and what follows it.
fn next_entry(tree: &[u8]) -> Option<(u32, &[u8], Oid, &[u8])> {
    let blank = tree.iter().position(|byte| *byte == b' ')?;
    let mode = std::str::from_utf8(tree.get(..blank)?).ok()?;
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let rest = tree.get(blank + 1..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
    let id = Oid::from_bytes(rest.get(..ID_BYTES)?).ok()?;
    Some((mode, name, id, rest.get(ID_BYTES..)?))
}

fn oid(commit: &CommitId) -> Result<Oid, git2::Error> {
    Oid::from_str(commit.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_before_the_message_are_headers() {
        let id = "0123456789012345678901234567890123456789";
        let commit = format!("author x\ntree {id}\r\n\ntree 1\n");
        let found: Vec<_> =
            headers(commit.as_bytes()).filter_map(|line| id_in(line.strip_prefix(b"tree ")?)).collect();
        assert_eq!(found, [Oid::from_str(id).unwrap()]);
        assert_eq!(headers(b"\ntree 1").count(), 0);
    }

    #[test]
    fn an_entry_is_read_whatever_its_mode_and_a_torn_one_is_refused() {
        let entry = |start: &[u8]| [start, &[7; 20], b"rest"].concat();
        let (mode, name, id, rest) = next_entry(&entry(b"0040000 a b\0")).map(owned).unwrap();
        assert_eq!(
            (mode, name.as_slice(), rest.as_slice()),
            (0o040_000, b"a b".as_slice(), b"rest".as_slice())
        );
        assert_eq!(id.as_bytes(), [7; 20]);
        for torn in [b"".as_slice(), b"100644", b"100644 a", b"100644 a\0short", b"9 a\0", b" a\0"] {
            assert_eq!(next_entry(torn), None, "{torn:?}");
        }
    }

    fn owned((mode, name, id, rest): (u32, &[u8], Oid, &[u8])) -> (u32, Vec<u8>, Oid, Vec<u8>) {
        (mode, name.to_vec(), id, rest.to_vec())
    }
}
