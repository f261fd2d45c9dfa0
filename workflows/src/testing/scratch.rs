//! The folders of running tests: private, locked while in use, and removed afterwards.
//!
//! A process locks each folder that it creates. When it is killed, the locks are released, and the next process that
//! starts removes its folders. One more lock is held shared while a folder is created and exclusively while abandoned
//! ones are searched; otherwise a folder could be removed between its creation and its lock.

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use ctutor_git::private_folder;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, statat, unlinkat};

const PREFIX: &str = "test-";
const GATE: &str = "lock";
/// How many names of a folder are held in memory.
const NAMES_AT_ONCE_MAX: usize = 10_000;

/// A folder of its own, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    /// Outlives the folder.
    _lock: File,
}

impl Scratch {
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        private_folder::make(parent)?;
        let gate = gate(parent)?;
        gate.lock_shared()?;
        let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?.keep();
        let lock = File::open(&path)?;
        lock.try_lock()?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        clear(&self.path);
    }
}

/// Removes the folders that ended processes have left behind.
///
/// # Errors
/// If the folder cannot be created or read.
pub(crate) async fn prepare_scratch(folder: PathBuf) -> io::Result<()> {
    tokio::task::spawn_blocking(move || sweep(&folder)).await.map_err(io::Error::other)?
}

fn sweep(parent: &Path) -> io::Result<()> {
    private_folder::make(parent)?;
    let mut abandoned = Vec::new();
    {
        let gate = gate(parent)?;
        gate.lock()?;
        for entry in fs::read_dir(parent)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
                continue;
            }
            let folder = File::open(entry.path())?;
            if folder.try_lock().is_ok() {
                abandoned.push((entry.path(), folder));
            }
        }
    }
    for (path, _lock) in abandoned {
        clear(&path);
    }
    Ok(())
}

fn gate(parent: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(parent.join(GATE))
}

/// Removes a folder in which a student's program may have taken away rights, or nested deeper than any path is long.
pub(super) fn clear(root: &Path) {
    if let Err(fault) = empty(root).and_then(|()| fs::remove_dir(root)) {
        tracing::warn!(folder = %root.display(), error = %ctutor_engine::chain(&fault), "the folder of a test was left behind");
    }
}

/// Moves every inner folder up before its own is removed, so that no path is ever long and no more than two folders are
/// open.
fn empty(root: &Path) -> io::Result<()> {
    let top = open(&CWD, root)?;
    let mut moved = 0_u64;
    loop {
        let outer = entries(&top)?;
        if outer.is_empty() {
            return Ok(());
        }
        for (name, is_folder) in outer {
            if !is_folder {
                unlinkat(&top, &name, AtFlags::empty())?;
                continue;
            }
            chmodat(&top, &name, Mode::RWXU, AtFlags::empty())?;
            let folder = open(&top, &name)?;
            loop {
                let inner = entries(&folder)?;
                if inner.is_empty() {
                    break;
                }
                for (name, is_folder) in inner {
                    if is_folder {
                        // To move a folder is to write its `..`.
                        chmodat(&folder, &name, Mode::RWXU, AtFlags::empty())?;
                        renameat(&folder, &name, &top, format!(".moved-{moved}"))?;
                        moved += 1;
                    } else {
                        unlinkat(&folder, &name, AtFlags::empty())?;
                    }
                }
            }
            unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
        }
    }
}

fn open(at: &impl std::os::fd::AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    Ok(openat(
        at,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Some names of a folder, each with whether it is a folder itself.
fn entries(folder: &OwnedFd) -> io::Result<Vec<(CString, bool)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
            }
            kind => kind,
        };
        found.push((name.to_owned(), kind == FileType::Directory));
        if found.len() == NAMES_AT_ONCE_MAX {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::fs::{fchmod, mkdirat};

    use super::*;

    #[test]
    fn a_folder_deeper_than_paths_are_long_and_without_rights_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(parent.path()).unwrap();
        let path = scratch.path().to_owned();
        fs::write(path.join("kept"), "").unwrap();
        symlink(parent.path(), path.join("link")).unwrap();
        let mut folder = open(&CWD, &path).unwrap();
        for depth in 0..3_000 {
            mkdirat(&folder, "deeper", Mode::RWXU).unwrap();
            let inner = open(&folder, "deeper").unwrap();
            // The outermost is the worker's own.
            if depth > 0 {
                fchmod(&folder, Mode::empty()).unwrap();
            }
            folder = inner;
        }
        fchmod(&folder, Mode::empty()).unwrap();
        drop(folder);
        drop(scratch);
        assert!(!path.exists());
        assert!(parent.path().exists());
    }

    #[test]
    fn folders_of_the_dead_are_removed_and_those_of_the_living_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("scratch");
        let alive = Scratch::make(&folder).unwrap();
        fs::create_dir_all(folder.join("test-abandoned/deep")).unwrap();
        sweep(&folder).unwrap();
        assert!(alive.path().exists());
        assert!(!folder.join("test-abandoned").exists());
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
