//! Lays a commit's tree out as files.
//!
//! libgit2's own checkout is not used: it follows filters and attributes that the repository chooses.
//! Here only blobs become files. The tree is hostile, so the order matters: folders and files go first into a
//! temporary folder, links go last, so that no file is ever written through a link of the same tree.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use git2::Oid;

use crate::{
    CommitId, Error, Options, Progress, Watch,
    objects::{Entry, EntryKind, Objects},
};

const LINK_BYTES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 255;
/// Of a path in the tree; it leaves room for the folder of the checkout.
const PATH_BYTES_MAX: usize = 2048;
const SHOWN_CHARS_MAX: usize = 200;
const TWICE: &str = "its folder has this name twice";

/// What a checkout consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files, folders and links.
    pub files: u64,
    pub bytes: u64,
    /// Links that could have led out of the tree. Each is written as a link to itself, which leads nowhere, so that a
    /// reader can tell it from a file that is missing.
    pub links_blocked: u64,
    /// Entries that Git itself would not write: `.git`, `..` and the like.
    pub names_dropped: u64,
    /// Submodules, which are left as empty folders.
    pub submodules_skipped: u64,
}

pub(crate) struct Writer<'a> {
    pub(crate) objects: Objects<'a>,
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
            self.write_folder(&folder, root, &mut pending)?;
        }
        for (path, target) in std::mem::take(&mut self.links) {
            self.write_link(root, &path, &target)?;
        }
        Ok(self.written)
    }

    fn write_folder(
        &mut self,
        folder: &Pending,
        root: &Path,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Error> {
        let mut seen: HashMap<Vec<u8>, Entry> = HashMap::new();
        for entry in self.objects.tree(folder.tree).map_err(|error| within(error, &folder.path))? {
            // A tree that was made by hand can have an entry twice; only two that differ are a question.
            match seen.get(&entry.name) {
                Some(known) if *known == entry => continue,
                Some(_) => {
                    let path = folder.path.join(String::from_utf8_lossy(&entry.name).as_ref());
                    return Err(self.unsafe_at(&path, TWICE));
                }
                None => seen.insert(entry.name.clone(), entry.clone()),
            };
            self.write_entry(&entry, folder, root, pending)?;
        }
        Ok(())
    }

    fn write_entry(
        &mut self,
        entry: &Entry,
        folder: &Pending,
        root: &Path,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Error> {
        if self.watch.cancel.is_cancelled() {
            return Err(Error::Canceled);
        }
        let Some(name) = plain_name(&entry.name) else {
            self.written.names_dropped += 1;
            return Ok(());
        };
        let path = folder.path.join(name);
        if name.len() > NAME_BYTES_MAX {
            return Err(self.unsafe_at(&path, "its name is longer than 255 bytes"));
        }
        if path.as_os_str().len() > PATH_BYTES_MAX {
            return Err(self.unsafe_at(&path, "its path is longer than 2048 bytes"));
        }
        match entry.kind {
            EntryKind::Folder => {
                self.count(0)?;
                fs::create_dir(root.join(&path))
                    .map_err(|fault| self.unmade(&path, "making a folder of the checkout", fault))?;
                pending.push(Pending { tree: entry.id, path, depth: folder.depth + 1 });
                Ok(())
            }
            EntryKind::Submodule => {
                // An empty folder, as Git makes it.
                self.count(0)?;
                self.written.submodules_skipped += 1;
                fs::create_dir(root.join(&path))
                    .map_err(|fault| self.unmade(&path, "making a folder of the checkout", fault))
            }
            EntryKind::Link => self.keep_link(entry.id, path),
            EntryKind::File | EntryKind::Program => self.write_file(entry, &path, root),
        }
    }

    fn keep_link(&mut self, blob: Oid, path: PathBuf) -> Result<(), Error> {
        let size = self.objects.file_size(blob).map_err(|error| within(error, &path))?;
        self.count(size)?;
        // Whatever else it is, a target of this length is none that is taken.
        let target = match size > LINK_BYTES_MAX as u64 {
            true => Vec::new(),
            false => self.objects.file(blob).map_err(|error| within(error, &path))?.data().to_vec(),
        };
        self.links.push((path, target));
        Ok(())
    }

    fn write_file(&mut self, entry: &Entry, path: &Path, root: &Path) -> Result<(), Error> {
        // The size is asked for first, so that a huge file is refused before it is unpacked into memory.
        let size = self.objects.file_size(entry.id).map_err(|error| within(error, path))?;
        self.count(size)?;
        let content = self.objects.file(entry.id).map_err(|error| within(error, path))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if entry.kind == EntryKind::Program { 0o755 } else { 0o644 });
        }
        let mut file = options
            .open(root.join(path))
            .map_err(|fault| self.unmade(path, "making a file of the checkout", fault))?;
        file.write_all(content.data()).map_err(Error::io("writing a file of the checkout"))?;
        self.watch.tell(Progress::Writing { files: self.written.files, bytes: self.written.bytes });
        Ok(())
    }

    fn write_link(&mut self, root: &Path, path: &Path, target: &[u8]) -> Result<(), Error> {
        let depth = path.components().count() - 1;
        let target = inner_target(target, depth).map(Path::new);
        self.written.links_blocked += u64::from(target.is_none());
        let Some(target) = target.or_else(|| path.file_name().map(Path::new)) else { return Ok(()) };
        symlink(target, &root.join(path))
            .map_err(|fault| self.unmade(path, "making a link of the checkout", fault))
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

    /// On a file system that ignores case, two names can be one; anything else is a fault of the worker.
    fn unmade(&self, path: &Path, what: &'static str, fault: io::Error) -> Error {
        match fault.kind() {
            io::ErrorKind::AlreadyExists => self.unsafe_at(path, TWICE),
            _ => Error::Io { what, source: fault },
        }
    }

    fn unsafe_at(&self, path: &Path, reason: &'static str) -> Error {
        Error::UnsafeTree { commit: self.commit.clone(), path: shown(path), reason }
    }
}

/// Adds where in the tree it is to what is damaged.
pub(crate) fn within(error: Error, path: &Path) -> Error {
    match error {
        Error::Damaged { url, message } if !path.as_os_str().is_empty() => {
            Error::Damaged { url, message: format!("`{}`: {message}", shown(path)) }
        }
        error => error,
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect()
}

/// A name that stays in its folder, and is not the repository's own data.
fn plain_name(name: &[u8]) -> Option<&OsStr> {
    let is_refused = name.is_empty()
        || matches!(name, b"." | b"..")
        || name.eq_ignore_ascii_case(b".git")
        || name.iter().any(|byte| matches!(byte, b'/' | b'\0'));
    if is_refused { None } else { on_this_system(name) }
}

/// Here a name is any bytes.
#[cfg(unix)]
fn on_this_system(name: &[u8]) -> Option<&OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(name))
}

#[cfg(not(unix))]
fn on_this_system(name: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(name).ok().filter(|name| !name.contains(['\\', ':'])).map(OsStr::new)
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
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

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
        for name in ["größe.py", "a\\b", "...", ".gitignore"] {
            assert_eq!(plain_name(name.as_bytes()), Some(OsStr::new(name)));
        }
        for name in [".", "..", "", ".git", ".GIT", "a/b", "a\0"] {
            assert_eq!(plain_name(name.as_bytes()), None, "{name}");
        }
    }
}
