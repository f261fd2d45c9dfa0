//! Another time of day for a single process, by the library of libfaketime.
//!
//! Time goes on as it does; only what the process takes for the time of day is moved, also while it runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The time of day of some processes, which can be set while they run.
#[derive(Debug)]
pub struct Faketime {
    folder: TempDir,
    library: PathBuf,
}

impl Faketime {
    /// A time of day that is off by so many seconds.
    ///
    /// # Errors
    /// libfaketime is not installed.
    pub fn new(offset_seconds: i64) -> Result<Self> {
        let folder = TempDir::with_prefix("ctutor-faketime-")?;
        let faketime = Self { folder, library: library()? };
        faketime.set(offset_seconds)?;
        Ok(faketime)
    }

    /// Sets the time of day of the processes, also of those that run.
    ///
    /// # Errors
    /// The file that they read it from cannot be written.
    pub fn set(&self, offset_seconds: i64) -> Result<()> {
        // Not written in place: a process may read it at any moment.
        let draft = self.folder.path().join("draft");
        fs::write(&draft, format!("{offset_seconds:+}s\n"))?;
        Ok(fs::rename(&draft, self.file())?)
    }

    /// The variables with which a process has this time of day.
    #[must_use]
    pub fn env(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.file()),
            ("FAKETIME_NO_CACHE", "1".into()),
            // Only an administrator's or a time server's work is imitated, which no timer sees.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

/// The library for programs with threads, which distributions keep in a folder for the architecture.
fn library() -> Result<PathBuf> {
    const NAME: &str = "faketime/libfaketimeMT.so.1";
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Path::new);
    let below = folders.iter().filter_map(|folder| fs::read_dir(folder).ok());
    let below = below.flat_map(|entries| entries.filter_map(Result::ok)).map(|entry| entry.path().join(NAME));
    let mut candidates = folders.iter().map(|folder| folder.join(NAME)).chain(below);
    candidates
        .find(|path| path.is_file())
        .context("libfaketime is not installed; `scripts/setup test` installs it (package `faketime`)")
}
