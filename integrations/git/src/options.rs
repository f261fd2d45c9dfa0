use std::time::Duration;

use crate::UrlPrefix;

/// The bounds of a [`RepositoryCache`](crate::RepositoryCache), and what it accepts.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many bytes one fetch may receive.
    pub received_bytes_max: u64,
    /// How many bytes the list of references may have that a server sends, over HTTP.
    pub references_bytes_max: u64,
    /// How many objects one fetch may receive.
    pub objects_max: u64,
    /// How many bytes a mirror may take on disk.
    pub repository_bytes_max: u64,
    /// How many bytes a commit, a tag or a tree may have; each is read into memory as a whole.
    pub object_bytes_max: u64,
    /// How many files, folders and links a checkout may have.
    pub files_max: u64,
    /// How many bytes the files of a checkout may have together.
    pub checkout_bytes_max: u64,
    /// How deep the folders of a checkout may nest.
    pub depth_max: u64,
    /// How many mirrors are kept; the least recently used one is deleted first.
    pub mirrors_max: usize,
    /// How many checkouts run at once; more wait. Each may hold the largest object of its repository in memory.
    pub checkouts_at_once_max: usize,
    /// How long a checkout may take altogether.
    pub timeout: Duration,
    /// How long a server may send nothing. Global to the process: the first cache sets it.
    pub server_timeout: Duration,
    /// Whether repositories of this machine may be named.
    pub local_sources: LocalSources,
    /// The servers that repositories may be on; any server if empty. These servers decide where they redirect to.
    pub sources: Vec<UrlPrefix>,
}

/// Whether `file://` URLs and plain paths are accepted.
///
/// Refused by default: otherwise every caller who names a repository could read those of the worker's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalSources {
    Allowed,
    Refused,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            received_bytes_max: 256 << 20,
            references_bytes_max: 64 << 20,
            objects_max: 500_000,
            repository_bytes_max: 1 << 30,
            object_bytes_max: 16 << 20,
            files_max: 20_000,
            checkout_bytes_max: 256 << 20,
            depth_max: 64,
            mirrors_max: 512,
            checkouts_at_once_max: 4,
            timeout: Duration::from_secs(300),
            server_timeout: Duration::from_secs(30),
            local_sources: LocalSources::Refused,
            sources: Vec::new(),
        }
    }
}
