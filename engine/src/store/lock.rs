//! An SQLite file belongs to one process at a time.
//!
//! | state | who holds what | what ends it |
//! | --- | --- | --- |
//! | free | nobody | [`FileLock::acquire`] |
//! | held | this process: the database file itself (Linux), and the file `NAME.lock` beside it, which names the process | drop, or the end of the process, however it ends |
//! | refused | another process | that process ends |
//! | lost | this process, of a file that its path no longer leads to: the file or a folder above it was removed, moved or replaced | the file is put back, or the process ends |
//!
//! The lock on the database file goes by the file and not by its name, so a symbolic link, a mount or a hard link to
//! it meets the same lock. `flock` and the locks of SQLite (`fcntl`) do not see each other on Linux; elsewhere they
//! do, and the file beside must be enough. Closing any descriptor of a file gives up all `fcntl` locks that the process
//! has on it, so a file that this process holds is never opened for a second time: [`HELD`] is asked first.

use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::Error;
use crate::open_files;

/// Device and inode.
type Identity = (u64, u64);

/// The files that this process holds.
static HELD: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

/// Longest path that SQLite opens: its own bound is 512, with what it adds.
const PATH_BYTES_MAX: usize = 500;
/// The file beside the database has a line at most so long.
const HOLDER_BYTES_MAX: u64 = 512;

/// An SQLite file that no other process may open.
#[derive(Debug)]
pub(super) struct FileLock {
    /// The one absolute path without symbolic links.
    path: PathBuf,
    identity: Identity,
    _database: File,
    _beside: File,
}

impl FileLock {
    /// Makes the file where there is none, and locks it.
    ///
    /// # Errors
    /// [`Error::InUse`] when a process has it, this one included; [`Error::File`] when it cannot be used.
    pub(super) fn acquire(path: &Path) -> Result<Self, Error> {
        let failed = |source: io::Error| refused(path, reason(path, &source));
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(found) = fs::metadata(path) {
            check_type(path, &found)?;
            if held.contains(&identity(&found)) {
                return Err(in_use(path, Some(format!("process {} (this one)", std::process::id()))));
            }
        }
        let database = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let opened = database.metadata().map_err(failed)?;
        let canonical = fs::canonicalize(path).map_err(failed)?;
        check_name(path, &canonical, &opened)?;
        let beside_path = beside(&canonical);
        if cfg!(target_os = "linux") && !try_lock(&database).map_err(failed)? {
            return Err(in_use(path, holder(&opened, &beside_path)));
        }
        let mut beside = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&beside_path)
            .map_err(|source| refused(&beside_path, reason(&beside_path, &source)))?;
        if !try_lock(&beside).map_err(|source| refused(&beside_path, reason(&beside_path, &source)))? {
            return Err(in_use(path, holder(&opened, &beside_path)));
        }
        check_links(path, &opened)?;
        // Only for people: a lock that cannot name its holder is a lock all the same.
        let _ = beside.set_len(0).and_then(|()| beside.write_all(this_process().as_bytes()));
        let identity = identity(&opened);
        held.insert(identity);
        Ok(Self { path: canonical, identity, _database: database, _beside: beside })
    }

    /// The one absolute path without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Finds out whether the path still leads to the file. Once it does not, what is written is nowhere to be found
    /// when the process has ended, and another process may use what is at the path now.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    pub(super) fn check(&self) -> Result<(), Error> {
        let found = match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.identity => return Ok(()),
            Ok(_) => "another file is in its place".to_owned(),
            Err(source) => source.to_string(),
        };
        Err(Error::Displaced { path: self.path.display().to_string(), found })
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.identity);
    }
}

fn check_type(path: &Path, found: &Metadata) -> Result<(), Error> {
    let kind = found.file_type();
    let is = if kind.is_dir() {
        "it is a folder"
    } else if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
        "it is a device, a socket or a pipe"
    } else {
        return Ok(());
    };
    Err(refused(path, format!("{is}, and must be a file")))
}

fn check_name(path: &Path, canonical: &Path, opened: &Metadata) -> Result<(), Error> {
    let length = canonical.as_os_str().as_bytes().len();
    if length > PATH_BYTES_MAX {
        let problem = format!("its whole path has {length} bytes, and SQLite opens at most {PATH_BYTES_MAX}");
        return Err(refused(path, problem));
    }
    let named = fs::metadata(canonical).map_err(|source| refused(path, reason(path, &source)))?;
    if identity(&named) == identity(opened) {
        return Ok(());
    }
    Err(refused(path, "it was replaced while it was opened; try again".to_owned()))
}

/// SQLite keeps its log beside the name that it was given. What one name committed before a crash would be missing
/// under another.
fn check_links(path: &Path, opened: &Metadata) -> Result<(), Error> {
    let links = opened.nlink();
    if links == 1 {
        return Ok(());
    }
    let problem = format!(
        "it has {links} names (hard links), and SQLite can lose data when one file has several; make a copy instead, \
         or remove the others (`find DIR -samefile '{}'` shows them)",
        path.display()
    );
    Err(refused(path, problem))
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

fn beside(canonical: &Path) -> PathBuf {
    let mut name = canonical.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// What the operating system says, with the remedy where there is one.
fn reason(path: &Path, source: &io::Error) -> String {
    if let Some(remedy) = open_files::remedy(source) {
        return format!("{source}; {remedy}");
    }
    match source.kind() {
        io::ErrorKind::NotFound if path.is_symlink() => {
            format!(
                "{source}; it is a symbolic link into a folder that does not exist: make that folder, or correct the link"
            )
        }
        io::ErrorKind::NotADirectory => {
            format!("{source}; a part of the path before its last name is a file, and must be a folder")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{source}; free space, or inodes, on the file system of its folder")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("{source}; name a file on another file system, or mount this one for writing")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{source}; the user of this process must be able to write the file and its folder")
        }
        io::ErrorKind::NotFound => format!("{source}; make its folder first"),
        _ => source.to_string(),
    }
}

fn refused(path: &Path, reason: String) -> Error {
    Error::File { path: path.display().to_string(), reason }
}

fn in_use(path: &Path, holder: Option<String>) -> Error {
    let holder = holder.unwrap_or_else(|| "another process".to_owned());
    Error::InUse { path: path.display().to_string(), holder }
}

/// Written into the file beside the database.
fn this_process() -> String {
    let pid = std::process::id();
    match host() {
        Some(host) => format!("process {pid} on host {host}\n"),
        None => format!("process {pid}\n"),
    }
}

fn host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}

/// Who holds the lock: the kernel knows for this machine, and the file beside also from inside another container.
fn holder(database: &Metadata, beside_path: &Path) -> Option<String> {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let pid = pid_of(&locks, identity(database))
        .or_else(|| fs::metadata(beside_path).ok().and_then(|beside| pid_of(&locks, identity(&beside))));
    if let Some(pid) = pid {
        return Some(format!("process {pid}"));
    }
    let mut text = String::new();
    File::open(beside_path).ok()?.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.trim();
    line.starts_with("process ").then(|| line.to_owned())
}

/// The process that has an `flock`, by a line such as `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`.
fn pid_of(locks: &str, (device, inode): Identity) -> Option<u32> {
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & !0xff);
    let name = format!("{major:02x}:{minor:02x}:{inode}");
    let line = locks.lines().find(|line| {
        line.contains(" FLOCK ") && !line.contains("->") && line.split_whitespace().any(|word| word == name)
    })?;
    let pid = line.split_whitespace().nth(4)?.parse().ok()?;
    // 0 stands for a process that this one may not see.
    (pid != 0).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_the_holder() {
        let locks = "1: POSIX  ADVISORY  READ  99 08:01:131 1073741826 1073742335\n\
                     2: -> FLOCK  ADVISORY  WRITE 98 08:01:131 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 08:01:132 0 EOF\n";
        assert_eq!(pid_of(locks, (0x0801, 131)), Some(4711));
        assert_eq!(pid_of(locks, (0x0801, 132)), None);
        assert_eq!(pid_of(locks, (0x0802, 131)), None);
    }
}
