//! The reference's files in a folder where programs run. The sandbox keeps them and the folders above them in their
//! places. Before each command that follows another, they are looked at once more: it would bind what lies there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::files;

/// What the student's program may not change, as it was when it was laid out.
pub(super) struct Guard {
    root: PathBuf,
    guarded: BTreeSet<PathBuf>,
    /// Those and the folders above them, which come first.
    parts: BTreeMap<PathBuf, Identity>,
}

/// Tells a file or a folder from one that was put in its place.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    kind: fs::FileType,
    device: u64,
    inode: u64,
}

impl Guard {
    /// Guards these paths below `root`.
    pub(super) fn new(root: &Path, guarded: BTreeSet<PathBuf>) -> io::Result<Self> {
        let ways = guarded.iter().flat_map(|path| path.ancestors());
        let parts = ways
            .filter(|part| !part.as_os_str().is_empty())
            .map(|part| Ok((part.to_owned(), Identity::of(&root.join(part))?)))
            .collect::<io::Result<_>>()?;
        Ok(Self { root: root.to_owned(), guarded, parts })
    }

    /// The guarded files and folders.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.guarded.iter().map(|path| self.root.join(path))
    }

    /// What is no longer in its place, if anything. No program runs there meanwhile.
    pub(super) fn fault(&self) -> Option<String> {
        let is_changed = |part: &Path, identity: &Identity| {
            Identity::of(&self.root.join(part)).map_or(true, |found| found != *identity)
        };
        let (part, _) = self.parts.iter().find(|(part, identity)| is_changed(part, identity))?;
        Some(format!(
            "the program replaced or removed `{}`, where files of the tests lie",
            files::shown(part)
        ))
    }
}

impl Identity {
    /// Follows no link at the end of the path. The folders before it were looked at already.
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.symlink_metadata()?;
        Ok(Self { kind: metadata.file_type(), device: metadata.dev(), inode: metadata.ino() })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn assert_is_noticed(part: &str, change: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("src/deep")).unwrap();
        fs::write(folder.path().join("src/deep/data.txt"), "right").unwrap();
        let guard = Guard::new(folder.path(), ["src/deep/data.txt".into()].into()).unwrap();
        fs::write(folder.path().join("src/own.txt"), "").unwrap();
        assert_eq!(guard.fault(), None);
        change(folder.path());
        let fault = guard.fault().unwrap();
        assert!(fault.contains(&format!("`{part}`")), "{fault}");
    }

    #[test]
    fn what_takes_the_place_of_a_file_of_the_tests_is_noticed() {
        let file = "src/deep/data.txt";
        assert_is_noticed(file, |root| fs::remove_file(root.join(file)).unwrap());
        assert_is_noticed(file, |root| {
            fs::write(root.join("new"), "right").unwrap();
            fs::rename(root.join("new"), root.join(file)).unwrap();
        });
        assert_is_noticed(file, |root| {
            fs::rename(root.join(file), root.join("old")).unwrap();
            symlink("../../old", root.join(file)).unwrap();
        });
    }

    #[test]
    fn what_takes_the_place_of_a_folder_above_it_is_noticed() {
        assert_is_noticed("src", |root| fs::rename(root.join("src"), root.join("old")).unwrap());
        assert_is_noticed("src", |root| {
            fs::rename(root.join("src"), root.join("old")).unwrap();
            symlink("old", root.join("src")).unwrap();
        });
        // The file is the same one.
        assert_is_noticed("src/deep", |root| {
            fs::rename(root.join("src/deep"), root.join("old")).unwrap();
            fs::create_dir(root.join("src/deep")).unwrap();
            fs::rename(root.join("old/data.txt"), root.join("src/deep/data.txt")).unwrap();
        });
    }
}
