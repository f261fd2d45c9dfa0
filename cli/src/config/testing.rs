use std::path::{Path, PathBuf};

use ctutor_git::LocalSources;
use ctutor_sandbox::Policy;
use serde::Deserialize;

/// `[testing]`: how a worker tests what students hand in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Testing {
    /// Mirrors of repositories, and temporary folders.
    pub(crate) cache_folder: Option<PathBuf>,
    /// Secrets, one file each.
    pub(crate) secrets_folder: Option<PathBuf>,
    /// Whether repositories of this machine may be named.
    pub(crate) local_sources: Permission,
    /// Whether students' programs run where nothing can be confined.
    pub(crate) unconfined: Permission,
    /// Folders that confined programs see beside the system's.
    pub(crate) read_only_folders: Vec<PathBuf>,
}

/// Whether something that is not safe everywhere may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Permission {
    Refused,
    Allowed,
}

impl Testing {
    /// The options of the workflows; what is not set lies in the data directory.
    pub(crate) fn options(&self, data: &Path) -> ctutor_workflows::Options {
        let mut options = ctutor_workflows::Options::below(data);
        if let Some(folder) = &self.cache_folder {
            options.cache_folder.clone_from(folder);
        }
        if let Some(folder) = &self.secrets_folder {
            options.secrets_folder.clone_from(folder);
        }
        options.local_sources = match self.local_sources {
            Permission::Refused => LocalSources::Refused,
            Permission::Allowed => LocalSources::Allowed,
        };
        options.sandbox = match self.unconfined {
            Permission::Refused => Policy::Confined,
            Permission::Allowed => Policy::AllowUnconfined,
        };
        options.sandbox_read_only.clone_from(&self.read_only_folders);
        options
    }
}
