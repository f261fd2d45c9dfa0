//! Lays a commit's tree out as files.
//!
//! libgit2's own checkout is not used: it follows filters and attributes that the repository chooses.
//! Here only blobs become files. The tree is hostile, so the order matters: folders and files go first into a
//! folder that nobody else knows, links go last, so that no file is ever written through a link of the same tree.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use git2::{ObjectType, Oid, Repository};

use crate::{CommitId, Error, Options, Progress, Watch, source::RepositoryUrl};

const LINK_BYTES_MAX: usize = 4096;
const MODE_KIND: i32 = 0o170_000;
const MODE_LINK: i32 = 0o120_000;
const MODE_EXECUTABLE: i32 = 0o111;

/// What a checkout consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files, folders and links.
    pub files: u64,
    pub bytes: u64,
    /// Links that could have led out of the tree.
    pub links_dropped: u64,
    pub submodules_skipped: u64,
}

pub(crate) struct Writer<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) url: &'a RepositoryUrl,
    pub(crate) commit: &'a CommitId,
    pub(crate) options: &'a Options,
    pub(crate) watch: &'a Watch,
    pub(crate) written: Written,
    pub(crate) links: Vec<(PathBuf, Vec<u8>)>,
}

/// A folder of the tree that is still to be written.
struct Pending {
    tree: Oid,
    path: PathBuf,
    depth: u64,
}

impl Writer<'_> {
    /// Writes the tree into `root`, which exists and is empty.
    pub(crate) fn write(mut self, tree: Oid, root: &Path) -> Result<Written, Error> {
        let mut pending = vec![Pending { tree, path: PathBuf::new(), depth: 0 }];
        while let Some(folder) = pending.pop() {
            if folder.depth > self.options.depth_max {
                return Err(Error::LimitExceeded { limit: "depth_max", max: self.options.depth_max });
            }
            let tree = self.repository.find_tree(folder.tree).map_err(|fault| self.unreadable(&fault))?;
            for entry in &tree {
                self.write_entry(&entry, &folder, root, &mut pending)?;
            }
        }
        for (path, target) in std::mem::take(&mut self.links) {
            self.write_link(root, &path, &target)?;
        }
        Ok(self.written)
    }

    fn write_entry(
        &mut self,
        entry: &git2::TreeEntry<'_>,
        folder: &Pending,
        root: &Path,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Error> {
        if self.watch.cancel.is_cancelled() {
            return Err(Error::Canceled);
        }
        let name = plain_name(entry.name_bytes()).ok_or_else(|| Error::UnsafeTree {
            commit: self.commit.clone(),
            reason: "it has an unusable name",
        })?;
        let path = folder.path.join(name);
        match entry.kind() {
            Some(ObjectType::Tree) => {
                self.count(0)?;
                fs::create_dir(root.join(&path)).map_err(Error::io("making a folder of the checkout"))?;
                pending.push(Pending { tree: entry.id(), path, depth: folder.depth + 1 });
            }
            Some(ObjectType::Blob) => self.write_blob(entry.id(), entry.filemode(), path, root)?,
            _ => self.written.submodules_skipped += 1,
        }
        Ok(())
    }

    fn write_blob(&mut self, blob: Oid, mode: i32, path: PathBuf, root: &Path) -> Result<(), Error> {
        // The size is asked for first, so that a huge blob is refused before it is unpacked into memory.
        let odb = self.repository.odb().map_err(|fault| self.unreadable(&fault))?;
        let (size, _) = odb.read_header(blob).map_err(|fault| self.unreadable(&fault))?;
        self.count(size as u64)?;
        let blob = self.repository.find_blob(blob).map_err(|fault| self.unreadable(&fault))?;
        if mode & MODE_KIND == MODE_LINK {
            self.links.push((path, blob.content().to_vec()));
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if mode & MODE_EXECUTABLE == 0 { 0o644 } else { 0o755 });
        }
        let mut file = options.open(root.join(&path)).map_err(Error::io("making a file of the checkout"))?;
        file.write_all(blob.content()).map_err(Error::io("writing a file of the checkout"))?;
        self.watch.tell(Progress::Writing { files: self.written.files, bytes: self.written.bytes });
        Ok(())
    }

    fn write_link(&mut self, root: &Path, path: &Path, target: &[u8]) -> Result<(), Error> {
        let depth = path.components().count() - 1;
        match inner_target(target, depth) {
            Some(target) => {
                symlink(target, &root.join(path)).map_err(Error::io("making a link of the checkout"))
            }
            None => {
                self.written.links_dropped += 1;
                Ok(())
            }
        }
    }

    fn count(&mut self, bytes: u64) -> Result<(), Error> {
        self.written.files += 1;
        self.written.bytes += bytes;
        if self.written.files > self.options.files_max {
            return Err(Error::LimitExceeded { limit: "files_max", max: self.options.files_max });
        }
        if self.written.bytes > self.options.checkout_bytes_max {
            return Err(Error::LimitExceeded {
                limit: "checkout_bytes_max",
                max: self.options.checkout_bytes_max,
            });
        }
        Ok(())
    }

    fn unreadable(&self, fault: &git2::Error) -> Error {
        Error::Repository { url: self.url.clone(), message: fault.message().to_owned() }
    }
}

/// A name that stays in its folder on every file system, and is not the repository's own data.
fn plain_name(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let refused = name.is_empty()
        || name == "."
        || name == ".."
        || name.eq_ignore_ascii_case(".git")
        || name.contains(['/', '\\', '\0']);
    (!refused).then_some(name)
}

/// The target of a link that lies `depth` folders below the root, if it cannot lead out.
///
/// `..` is taken only at the start and at most `depth` times. Further in it could climb out of a folder that is
/// itself a link, and then counting names no longer tells where it ends.
fn inner_target(target: &[u8], depth: usize) -> Option<&str> {
    let target = std::str::from_utf8(target).ok()?;
    if target.is_empty()
        || target.len() > LINK_BYTES_MAX
        || target.starts_with('/')
        || target.contains(['\0', '\\'])
    {
        return None;
    }
    let mut parts = target.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    let mut climbed = 0;
    while parts.next_if_eq(&"..").is_some() {
        climbed += 1;
    }
    (climbed <= depth && parts.all(|part| part != "..")).then_some(target)
}

#[cfg(unix)]
fn symlink(target: &str, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(_: &str, _: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{inner_target, plain_name};

    #[test]
    fn a_link_may_climb_only_as_far_as_the_root() {
        assert_eq!(inner_target(b"../data/points.csv", 1), Some("../data/points.csv"));
        assert_eq!(inner_target(b"./a/b", 0), Some("./a/b"));
        for (target, depth) in [
            ("../x", 0),
            ("../../x", 1),
            ("/etc/passwd", 3),
            ("a/../../x", 5),
            ("a/..", 9),
            ("", 2),
            ("./../x", 0),
        ] {
            assert_eq!(inner_target(target.as_bytes(), depth), None, "{target} at {depth}");
        }
    }

    #[test]
    fn names_that_leave_their_folder_are_refused() {
        assert_eq!(plain_name("größe.py".as_bytes()), Some("größe.py"));
        for name in [".", "..", "", ".git", ".GIT", "a/b", "a\\b"] {
            assert_eq!(plain_name(name.as_bytes()), None, "{name}");
        }
    }
}
