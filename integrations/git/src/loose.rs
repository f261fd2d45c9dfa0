//! Objects that are kept in files of their own.
//!
//! libgit2 1.9 never ends when it reads one whose compressed content is cut off, as after a crash or on a full disk, and
//! its thread cannot be stopped: it would keep a processor, a lock and one of the places for checkouts for good.
//! So their files are looked at here before.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::ZlibDecoder;
use git2::Oid;

/// How many folders of objects one repository may use by way of its alternates. Git follows five in a row.
const FOLDERS_MAX: usize = 32;
/// Longest list of alternates that is read.
const ALTERNATES_BYTES_MAX: u64 = 1 << 20;
/// Longest header of an object: its kind and its size, and the byte 0.
const HEADER_BYTES_MAX: u64 = 64;
const CHUNK_BYTES: usize = 32 * 1024;

/// The folders in which a repository keeps its objects.
#[derive(Debug)]
pub(crate) struct Loose {
    folders: Vec<PathBuf>,
}

impl Loose {
    pub(crate) fn of(repository: &git2::Repository) -> Self {
        let mut folders = vec![repository.commondir().join("objects")];
        let mut read = 0;
        while let Some(folder) = folders.get(read).cloned() {
            read += 1;
            for other in alternates(&folder) {
                if folders.len() < FOLDERS_MAX && !folders.contains(&other) {
                    folders.push(other);
                }
            }
        }
        Self { folders }
    }

    /// What is wrong with the file of an object of this size, if it has one on which libgit2 would not end.
    pub(crate) fn fault(&self, id: Oid, size_bytes: u64) -> Option<&'static str> {
        let digits = id.to_string();
        let (folder, name) = digits.split_at(2);
        let files = self.folders.iter().map(|objects| objects.join(folder).join(name));
        files.filter_map(|path| fault_of(&path, size_bytes)).next()
    }
}

fn fault_of(path: &Path, size_bytes: u64) -> Option<&'static str> {
    let mut file = BufReader::with_capacity(CHUNK_BYTES, open_file(path)?);
    let start = file.fill_buf().unwrap_or_default();
    if start.len() < 2 {
        return Some("its file is cut off");
    }
    // libgit2 takes it for a format that Git gave up long ago.
    if start[0] & 0x8f != 8 || u16::from_be_bytes([start[0], start[1]]) % 31 != 0 {
        return Some("its file is not compressed with zlib");
    }
    let mut content = ZlibDecoder::new(file).take(size_bytes.saturating_add(HEADER_BYTES_MAX));
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match content.read(&mut chunk) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Some("its file is cut off"),
            // libgit2 says of another fault what it is.
            Err(_) => return None,
        }
    }
}

/// Nothing if it is no file: a pipe would be waited for.
fn open_file(path: &Path) -> Option<File> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    File::open(path).ok()
}

/// The folders that this one names as others that objects may be in.
fn alternates(folder: &Path) -> Vec<PathBuf> {
    let mut text = String::new();
    let Some(file) = open_file(&folder.join("info/alternates")) else { return Vec::new() };
    if file.take(ALTERNATES_BYTES_MAX).read_to_string(&mut text).is_err() {
        return Vec::new();
    }
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| folder.join(line))
        .collect()
}
