//! What the writable folders of a command take on disk.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{Limits, usage::Process};

/// Why the folders are more than the command may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    TooLarge,
    /// What cannot be counted could be of any size.
    Unreadable(io::ErrorKind),
}

impl Breach {
    pub(crate) fn detail(self) -> Option<String> {
        match self {
            Self::TooLarge => None,
            Self::Unreadable(io::ErrorKind::InvalidFilename) => {
                Some("it nested folders too deep to be counted".to_owned())
            }
            Self::Unreadable(kind) => Some(format!("it made a folder that cannot be counted: {kind}")),
        }
    }
}

/// Follows no link. Stops as soon as it knows, so that a folder of a million files costs no more than a full one.
/// Files that the processes hold open count even when they have no name any more.
pub(crate) fn breach(folders: &[PathBuf], limits: &Limits, processes: &[Process]) -> Option<Breach> {
    let mut sum = Sum { files: 0, bytes: 0, limits };
    let mut pending = folders.to_vec();
    while let Some(folder) = pending.pop() {
        if let Err(breach) = sum.add_folder(&folder, &mut pending) {
            return Some(breach);
        }
    }
    sum.add_unlinked(&devices(folders), processes).err()
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

    fn add_unlinked(&mut self, devices: &HashSet<u64>, processes: &[Process]) -> Result<(), Breach> {
        let mut seen = HashSet::new();
        // Threads may have open files of their own.
        for thread in processes.iter().flat_map(|process| &process.threads) {
            for open in fs::read_dir(thread.join("fd")).into_iter().flatten().flatten() {
                let Ok(metadata) = fs::metadata(open.path()) else { continue };
                let counts = metadata.nlink() == 0 && devices.contains(&metadata.dev());
                if counts && seen.insert((metadata.dev(), metadata.ino())) {
                    self.add(&metadata)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, metadata: &fs::Metadata) -> Result<(), Breach> {
        self.files += 1;
        // A file with holes takes less than its length.
        self.bytes += metadata.blocks() * 512;
        if self.files > self.limits.writable_files || self.bytes > self.limits.writable_bytes {
            return Err(Breach::TooLarge);
        }
        Ok(())
    }
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
