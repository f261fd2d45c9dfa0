use std::{path::PathBuf, sync::Arc};

use ctutor_engine::chain;
use ctutor_git::RepositoryCache;
use ctutor_sandbox::{Policy, Sandbox, UserRange};

use crate::testing::{SecretFolder, TestingStation, plan::Maxima, prepare_scratch};

/// Settings of the activities.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for mirrors of repositories and for temporary folders.
    pub cache_folder: PathBuf,
    /// Folder with the secrets, one file each.
    pub secrets_folder: PathBuf,
    /// Limits of repositories, and which ones tests may name.
    pub git: ctutor_git::Options,
    /// Whether programs may run on a machine that cannot isolate them.
    pub sandbox: Policy,
    /// Folders that isolated programs can read besides the system's, such as a Python installation.
    pub sandbox_read_only: Vec<PathBuf>,
    /// A control group (version 2) that is delegated to the worker and limits the memory of tests exactly.
    pub sandbox_cgroup: Option<PathBuf>,
    /// The user IDs that programs of tests run as where the worker is root.
    pub sandbox_users: Option<UserRange>,
    /// How many cores a test may use, and sees.
    pub cores_per_test: usize,
    /// The most that a test may ask for.
    pub maxima: Maxima,
    /// How many submissions are tested at the same time.
    pub tests_at_once_max: usize,
}

/// Why the activities cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the repository mirrors cannot be used.
    #[error("the repository cache in `{}` cannot be used", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: ctutor_git::Error,
    },
}

impl Options {
    /// Default options, with all folders below the given one.
    #[must_use]
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            cache_folder: folder.join("cache"),
            secrets_folder: folder.join("secrets"),
            git: ctutor_git::Options::default(),
            sandbox: Policy::Confined,
            sandbox_read_only: Vec::new(),
            sandbox_cgroup: None,
            sandbox_users: None,
            cores_per_test: ctutor_sandbox::Options::from(Policy::Confined).cores,
            maxima: Maxima::default(),
            tests_at_once_max: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// The options of the sandbox in which submissions are tested.
    #[must_use]
    pub fn sandbox_options(&self) -> ctutor_sandbox::Options {
        ctutor_sandbox::Options {
            read_only: self.sandbox_read_only.clone(),
            cgroup: self.sandbox_cgroup.clone(),
            cores: self.cores_per_test,
            users: self.sandbox_users,
            ..self.sandbox.into()
        }
    }

    pub(crate) async fn station(&self) -> Result<TestingStation, Error> {
        let unusable = |source| Error::Cache { folder: self.cache_folder.clone(), source };
        let secrets = Arc::new(SecretFolder(self.secrets_folder.clone()));
        let cache = RepositoryCache::new(self.cache_folder.join("git"), self.git.clone(), secrets)
            .map_err(unusable)?;
        let scratch = self.cache_folder.join("scratch");
        prepare_scratch(scratch.clone()).await.map_err(|source| {
            unusable(ctutor_git::Error::Io { what: "removing what earlier processes left behind", source })
        })?;
        let sandbox = Sandbox::detect(self.sandbox_options()).await;
        if let Err(unavailable) = &sandbox {
            tracing::warn!(
                remedy = unavailable.remedy,
                error = %chain(unavailable),
                "student programs cannot be isolated; tests of students will be refused"
            );
        }
        let station =
            TestingStation::new(cache, sandbox, self.maxima.clone(), scratch, self.tests_at_once_max)
                .hiding(&self.cache_folder, "<cache>")
                .hiding(&self.secrets_folder, "<secrets>");
        Ok(match std::env::home_dir() {
            Some(home) => station.hiding(&home, "~"),
            None => station,
        })
    }
}
