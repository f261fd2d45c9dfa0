use std::{path::Path, time::Duration};

use ctutor_git::{LocalSources, UrlPrefix};
use ctutor_sandbox::{Policy, UserRange};
use ctutor_workflows::testing::plan::Maxima;
use serde::{Deserialize, Deserializer, de::Error};

use super::{AbsolutePlace, Between, Length, Place, list};

/// `[testing]`: how a worker tests what students hand in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Testing {
    /// Mirrors of repositories, and temporary folders.
    pub(crate) cache_folder: Option<Place>,
    /// Secrets, one file each.
    pub(crate) secrets_folder: Option<Place>,
    /// Where the repositories may lie that tests name; anywhere when it is empty.
    #[serde(deserialize_with = "url_prefixes")]
    pub(crate) sources: Vec<UrlPrefix>,
    /// Whether repositories of this machine may be named.
    pub(crate) local_sources: Permission,
    /// Whether students' programs run where nothing can be confined.
    pub(crate) unconfined: Permission,
    /// Folders that confined programs see beside the system's.
    #[serde(deserialize_with = "folders")]
    pub(crate) read_only_folders: Vec<AbsolutePlace>,
    /// A control group (version 2) in which the tests of a worker get groups of their own.
    pub(crate) control_group: Option<AbsolutePlace>,
    /// The user IDs that programs of tests run as where the worker is root.
    #[serde(default, deserialize_with = "user_range")]
    pub(crate) user_ids: Option<UserRange>,
    /// Cores that each test may use.
    pub(crate) cores_per_test: Between<1, 1_024>,
    /// Most tests at once; as many as there are processors when not set.
    pub(crate) tests_at_once_max: Option<Between<1, 1_000>>,
    /// Longest time for one test.
    #[serde(deserialize_with = "at_most_minutes::<20, _>")]
    pub(crate) test_timeout_max: Length,
    /// Longest time for all tests of a submission.
    #[serde(deserialize_with = "at_most_minutes::<20, _>")]
    pub(crate) total_timeout_max: Length,
    /// Most memory of a test.
    pub(crate) memory_mib_max: Between<16, 1_048_576>,
    /// Most processes of a test.
    pub(crate) processes_max: Between<1, 100_000>,
    /// Most tests of a reference.
    pub(crate) tests_max: Between<1, 100_000>,
    /// Most files that are taken of a submission or a reference.
    pub(crate) files_max: Between<1, 1_000_000>,
    /// Most that those files may take together.
    pub(crate) files_mib_max: Between<1, 1_048_576>,
    /// Most checkouts at once.
    pub(crate) checkouts_at_once_max: Between<1, 1_000>,
    /// Longest time for a checkout.
    #[serde(deserialize_with = "at_most_minutes::<5, _>")]
    pub(crate) checkout_timeout: Length,
    /// Most files, folders and links of a repository at a commit.
    pub(crate) checkout_files_max: Between<1, 10_000_000>,
    /// Most that those files may take together.
    pub(crate) checkout_mib_max: Between<1, 1_048_576>,
    /// Most that one fetch may receive.
    pub(crate) received_mib_max: Between<1, 1_048_576>,
    /// Most that a repository may take in the cache.
    pub(crate) repository_mib_max: Between<1, 1_048_576>,
    /// Most repositories in the cache.
    pub(crate) mirrors_max: Between<1, 1_000_000>,
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
            options.cache_folder = folder.to_path_buf();
        }
        if let Some(folder) = &self.secrets_folder {
            options.secrets_folder = folder.to_path_buf();
        }
        options.git = self.git();
        options.maxima = Maxima {
            test_timeout: self.test_timeout_max.0,
            total_timeout: self.total_timeout_max.0,
            memory_bytes: mebibytes(self.memory_mib_max.get()),
            processes: self.processes_max.get().into(),
            tests: self.tests_max.as_usize(),
            files: self.files_max.get().into(),
            file_bytes: mebibytes(self.files_mib_max.get()),
        };
        if let Some(tests) = self.tests_at_once_max {
            options.tests_at_once_max = tests.as_usize();
        }
        options.sandbox = match self.unconfined {
            Permission::Refused => Policy::Confined,
            Permission::Allowed => Policy::AllowUnconfined,
        };
        options.sandbox_read_only =
            self.read_only_folders.iter().map(|folder| folder.to_path_buf()).collect();
        options.sandbox_cgroup = self.control_group.as_ref().map(|folder| folder.to_path_buf());
        options.sandbox_users = self.user_ids;
        options.cores_per_test = self.cores_per_test.as_usize();
        options
    }

    fn git(&self) -> ctutor_git::Options {
        ctutor_git::Options {
            received_bytes_max: mebibytes(self.received_mib_max.get()),
            repository_bytes_max: mebibytes(self.repository_mib_max.get()),
            files_max: self.checkout_files_max.get().into(),
            checkout_bytes_max: mebibytes(self.checkout_mib_max.get()),
            mirrors_max: self.mirrors_max.as_usize(),
            checkouts_at_once_max: self.checkouts_at_once_max.as_usize(),
            timeout: self.checkout_timeout.0,
            local_sources: match self.local_sources {
                Permission::Refused => LocalSources::Refused,
                Permission::Allowed => LocalSources::Allowed,
            },
            sources: self.sources.clone(),
            ..ctutor_git::Options::default()
        }
    }
}

fn mebibytes(count: u32) -> u64 {
    u64::from(count) << 20
}

fn url_prefixes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UrlPrefix>, D::Error> {
    // What is malformed is not repeated: it may hold a password.
    list::parsed(&list::strings(deserializer)?, str::parse::<UrlPrefix>)
}

fn folders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AbsolutePlace>, D::Error> {
    list::parsed(&list::strings(deserializer)?, |text| AbsolutePlace::try_from(text.to_owned()))
}

fn user_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UserRange>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let no_range =
        |_| D::Error::custom(format_args!("`{text}` is no range of user IDs, or has that of root"));
    text.parse().map(Some).map_err(no_range)
}

/// The activities that these times are part of have time limits of their own.
fn at_most_minutes<'de, const MINUTES: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Length, D::Error> {
    let length = Length::deserialize(deserializer)?;
    if length.0.is_zero() || length.0 > Duration::from_secs(MINUTES * 60) {
        return Err(D::Error::custom(format_args!("`{length}` is out of bounds")));
    }
    Ok(length)
}
