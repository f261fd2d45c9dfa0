//! What the writable folders of a command take on disk.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs,
    io::{self, BufRead, BufReader},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use crate::{Limits, usage::Process};

/// How many mappings of all processes are looked at. The kernel allows a process 65,530.
const MAPPINGS_MAX: usize = 1 << 18;
/// The largest file is this many times what one of unknown size counts for at least.
const UNKNOWN_SHARE: u64 = 8;

/// Why the folders are more than the command may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    TooLarge,
    /// What cannot be counted could be of any size.
    Unreadable(io::ErrorKind),
    TooManyMappings,
}

impl Breach {
    pub(crate) fn detail(self) -> Option<String> {
        match self {
            Self::TooLarge => None,
            Self::TooManyMappings => Some(format!(
                "its processes have more than {MAPPINGS_MAX} memory mappings, too many to be counted"
            )),
            Self::Unreadable(io::ErrorKind::InvalidFilename) => {
                Some("it nested folders too deep to be counted".to_owned())
            }
            Self::Unreadable(kind) => Some(format!("it made a folder that cannot be counted: {kind}")),
        }
    }
}

/// Follows no link. Stops as soon as it knows, so that a folder of a million files costs no more than a full one.
/// Files that the processes hold open or have mapped count even when they have no name any more.
pub(crate) fn breach(folders: &[PathBuf], limits: &Limits, processes: &[Process]) -> Option<Breach> {
    let mut sum = Sum { files: 0, bytes: 0, limits };
    let mut pending = folders.to_vec();
    while let Some(folder) = pending.pop() {
        if let Err(breach) = sum.add_folder(&folder, &mut pending) {
            return Some(breach);
        }
    }
    let mut seen = HashSet::new();
    let added = sum.add_unlinked(&devices(folders), processes, &mut seen);
    added.and_then(|()| sum.add_mapped(folders, processes, &seen)).err()
}

struct Sum<'a> {
    files: u64,
    bytes: u64,
    limits: &'a Limits,
}

impl Sum<'_> {
    fn add_folder(&mut self, folder: &Path, pending: &mut Vec<PathBuf>) -> Result<(), Breach> {
        let Some(entries) = still_there(fs::read_dir(folder))? else { return Ok(()) };
        for entry in entries {
            let Some(entry) = still_there(entry)? else { continue };
            let Some(metadata) = still_there(entry.metadata())? else { continue };
            self.add(&metadata)?;
            if metadata.is_dir() {
                pending.push(entry.path());
            }
        }
        Ok(())
    }

    /// Remembers the numbers of these files.
    fn add_unlinked(
        &mut self,
        devices: &HashSet<u64>,
        processes: &[Process],
        seen: &mut HashSet<u64>,
    ) -> Result<(), Breach> {
        // Threads may have open files of their own.
        for thread in processes.iter().flat_map(|process| &process.threads) {
            for open in fs::read_dir(thread.join("fd")).into_iter().flatten().flatten() {
                let Ok(metadata) = fs::metadata(open.path()) else { continue };
                let counts = metadata.nlink() == 0 && devices.contains(&metadata.dev());
                if counts && seen.insert(metadata.ino()) {
                    self.add(&metadata)?;
                }
            }
        }
        Ok(())
    }

    /// Adds deleted files that are still mapped, but for those in `seen`.
    fn add_mapped(
        &mut self,
        folders: &[PathBuf],
        processes: &[Process],
        seen: &HashSet<u64>,
    ) -> Result<(), Breach> {
        let mut left = MAPPINGS_MAX;
        // By number: the largest size that was found.
        let mut sizes = HashMap::new();
        for process in processes {
            // Threads have the same mappings, except that one that has ended has none.
            for thread in &process.threads {
                let before = left;
                for line in lines(&thread.join("maps")) {
                    left = left.checked_sub(1).ok_or(Breach::TooManyMappings)?;
                    let Some(file) = DeletedFile::read(&line, folders) else { continue };
                    if !seen.contains(&file.inode) {
                        let bytes = file.bytes(thread, self.limits);
                        let size = sizes.entry(file.inode).or_insert(bytes);
                        *size = bytes.max(*size);
                    }
                }
                if left < before {
                    break;
                }
            }
        }
        sizes.into_values().try_for_each(|bytes| self.add_file(bytes))
    }

    fn add(&mut self, metadata: &fs::Metadata) -> Result<(), Breach> {
        self.add_file(bytes_on_disk(metadata))
    }

    fn add_file(&mut self, bytes: u64) -> Result<(), Breach> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > self.limits.writable_files || self.bytes > self.limits.writable_bytes {
            return Err(Breach::TooLarge);
        }
        Ok(())
    }
}

/// A mapping of a file that has no name any more.
struct DeletedFile<'a> {
    /// Its addresses, which are its name in `map_files`.
    range: &'a str,
    inode: u64,
    /// Where in the file the mapping ends.
    end: u64,
}

impl<'a> DeletedFile<'a> {
    /// Reads a line of `/proc/<process>/maps`: `7f00-7f10 r--s 00000000 08:01 42     /folder/file (deleted)`.
    ///
    /// The path decides whose file it is, not the device: for layered file systems the kernel gives another one here
    /// than to `stat`. It is the path inside, where writable folders have the same one as outside.
    fn read(line: &'a [u8], folders: &[PathBuf]) -> Option<Self> {
        let line = line.strip_suffix(b" (deleted)")?;
        let path_at = line.iter().position(|byte| *byte == b'/')?;
        let (fields, path) = line.split_at(path_at);
        if !folders.iter().any(|folder| Path::new(OsStr::from_bytes(path)).starts_with(folder)) {
            return None;
        }
        let mut fields = std::str::from_utf8(fields).ok()?.split_whitespace();
        let range = fields.next()?;
        let offset = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
        let inode = fields.nth(1)?.parse().ok()?;
        let (from, to) = range.split_once('-')?;
        let length = u64::from_str_radix(to, 16).ok()?.checked_sub(u64::from_str_radix(from, 16).ok()?)?;
        Some(Self { range, inode, end: offset.saturating_add(length) })
    }

    /// What the file takes. The kernel tells it only to a worker with the capability `CAP_CHECKPOINT_RESTORE`. Otherwise it
    /// is at least what is mapped, and never next to nothing, for a single page may be mapped of a large file.
    fn bytes(&self, thread: &Path, limits: &Limits) -> u64 {
        let process = thread.file_name().map(|id| Path::new("/proc").join(id));
        let file = process.and_then(|process| fs::metadata(process.join("map_files").join(self.range)).ok());
        let largest = limits.file_size_bytes;
        // A mapping can be longer than its file.
        file.as_ref().map_or_else(|| self.end.clamp(largest / UNKNOWN_SHARE, largest), bytes_on_disk)
    }
}

/// None where the process has ended.
fn lines(file: &Path) -> impl Iterator<Item = Vec<u8>> {
    let file = fs::File::open(file).ok().map(BufReader::new);
    file.into_iter().flat_map(|file| file.split(b'\n').map_while(Result::ok))
}

/// A file with holes takes less than its length.
fn bytes_on_disk(metadata: &fs::Metadata) -> u64 {
    metadata.blocks().saturating_mul(512)
}

/// Ignores a file that was removed meanwhile, and a folder that was replaced by a file.
fn still_there<T>(found: io::Result<T>) -> Result<Option<T>, Breach> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(fault) if matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(fault) => Err(Breach::Unreadable(fault.kind())),
    }
}

fn devices(folders: &[PathBuf]) -> HashSet<u64> {
    folders.iter().filter_map(|folder| fs::metadata(folder).ok()).map(|metadata| metadata.dev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_file_that_is_mapped_is_told_from_others() {
        let folders = [PathBuf::from("/work/a b")];
        let read = |line: &'static str| {
            DeletedFile::read(line.as_bytes(), &folders).map(|file| (file.inode, file.end))
        };
        assert_eq!(
            read("7f0000-7f2000 r--s 00001000 08:01 42     /work/a b/f (deleted)"),
            Some((42, 0x3000))
        );
        for other in [
            "7f0000-7f2000 r--s 00001000 08:01 42     /work/a b/f",
            "7f0000-7f2000 r--s 00001000 08:01 42     /work/a bc/f (deleted)",
            "7f0000-7f2000 rw-s 00000000 00:01 7      /dev/zero (deleted)",
            "7f0000-7f2000 rw-p 00000000 00:00 0",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_of_unknown_size_counts_for_what_is_mapped_within_bounds() {
        let limits = Limits { file_size_bytes: 800, ..Limits::default() };
        for (end, bytes) in [(1, 100), (300, 300), (1 << 40, 800)] {
            let file = DeletedFile { range: "0-1", inode: 1, end };
            assert_eq!(file.bytes(Path::new("/proc/0/task/0"), &limits), bytes);
        }
    }
}
