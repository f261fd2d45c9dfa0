use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use ctutor_engine::{activity::ActivityError, chain};
use ctutor_git::{Error, RepositoryCache};
use ctutor_sandbox::{Sandbox, Unavailable};

use super::{Broken, paths::Hidden, places::Places, plan::Maxima};

/// Bounds of the delay that a server may ask for: it neither takes the pause out of the policy nor holds a test for good.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// How long a server is left alone that has nothing to say: long enough to be started again, or to catch up.
const SILENT_SERVER_DELAY: Duration = Duration::from_secs(15);

/// What the testing activities use of their worker.
#[derive(Debug)]
pub struct TestingStation {
    pub(super) cache: RepositoryCache,
    pub(super) sandbox: Result<Sandbox, Unavailable>,
    pub(super) maxima: Maxima,
    pub(super) scratch: PathBuf,
    pub(super) places: Places,
    hidden: Hidden,
}

impl TestingStation {
    /// Without a sandbox, every test fails with the reason.
    #[must_use]
    pub fn new(
        cache: RepositoryCache,
        sandbox: Result<Sandbox, Unavailable>,
        maxima: Maxima,
        scratch: PathBuf,
        at_once_max: usize,
    ) -> Self {
        Self { cache, sandbox, maxima, scratch, places: Places::new(at_once_max), hidden: Hidden::default() }
    }

    /// The same station, which keeps this folder out of the failures that users read.
    #[must_use]
    pub fn hiding(mut self, folder: &Path, shown: &'static str) -> Self {
        self.hidden = self.hidden.and(folder, shown);
        self
    }

    /// The same failure without paths of the worker, which stand in its log.
    pub(super) fn without_paths(&self, mut error: ActivityError) -> ActivityError {
        let shown = self.hidden.hide(&error.failure.message);
        if shown != error.failure.message {
            tracing::warn!(failure = error.failure.kind, "a test failed: {}", error.failure.message);
            error.failure.message = shown;
        }
        error
    }

    pub(super) fn sandbox(&self) -> Result<&Sandbox, ActivityError> {
        self.sandbox.as_ref().map_err(|unavailable| {
            let message = format!("{unavailable}; {}", unavailable.remedy);
            ActivityError::non_retryable("SandboxUnavailable", message)
        })
    }
}

/// Whose repository an error is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Reference,
    Submission,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "the reference",
            Self::Submission => "the submission",
        })
    }
}

/// The activity failure for an error of a repository.
pub(super) fn git_failure(whose: Whose, error: &Error) -> ActivityError {
    if matches!(error, Error::Canceled) {
        return ActivityError::canceled();
    }
    let kind = match error {
        error if error.is_retryable() => {
            let failure = ActivityError::retryable("RepositoryUnavailable", cannot_be_fetched(whose, error));
            let asked = error.retry_after().map(|delay| delay.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX));
            let delay =
                asked.or_else(|| error.is_of_the_content_if_it_lasts().then_some(SILENT_SERVER_DELAY));
            return match delay {
                Some(delay) => failure.retry_after(delay),
                None => failure,
            };
        }
        Error::SecretRefused { .. } | Error::SecretInTheClear { .. } => "SecretRefused",
        Error::SourceRefused { .. } => "SourceRefused",
        _ => return unusable(whose, error),
    };
    ActivityError::non_retryable(kind, cannot_be_fetched(whose, error))
}

/// The activity failure for a repository that another attempt would not find better.
pub(super) fn unusable(whose: Whose, error: &Error) -> ActivityError {
    ActivityError::non_retryable("RepositoryUnusable", cannot_be_fetched(whose, error))
}

fn cannot_be_fetched(whose: Whose, error: &Error) -> String {
    format!("{whose} cannot be fetched: {}", chain(error))
}

/// Why a submission cannot be tested, if whoever pushed it can change that.
pub(super) fn students_fault(error: &Error) -> Option<String> {
    error.is_of_the_content().then(|| cannot_be_tested(error))
}

pub(super) fn cannot_be_tested(error: &Error) -> String {
    format!("the submission cannot be tested: {error}")
}

/// The activity failure for a broken environment.
pub(super) fn broken_failure(error: &Broken) -> ActivityError {
    if matches!(error, Broken::Canceled) {
        return ActivityError::canceled();
    }
    let message = chain(error).to_string();
    if error.is_retryable() {
        ActivityError::retryable("TestEnvironmentBroken", message)
    } else {
        ActivityError::non_retryable("TestEnvironmentBroken", message)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::SecretFolder;

    #[test]
    fn a_server_that_asks_to_wait_is_given_its_time_within_bounds() {
        let after = |status, seconds| {
            let url = "https://git.example/a.git".parse().unwrap();
            let retry_after = Some(Duration::from_secs(seconds));
            git_failure(Whose::Submission, &Error::Answered { url, status, retry_after }).next_retry_delay
        };
        assert_eq!(after(429, 7), Some(Duration::from_secs(7)));
        assert_eq!(after(503, 0), Some(RETRY_AFTER_MIN));
        assert_eq!(after(503, 1_000_000), Some(RETRY_AFTER_MAX));
        assert_eq!(after(400, 7), None);
    }

    #[test]
    fn a_server_with_nothing_to_say_is_left_alone_for_a_while() {
        let url = "https://git.example/a.git".parse().unwrap();
        let failure =
            git_failure(Whose::Reference, &Error::Speechless { url, asked: "its references".to_owned() });
        assert_eq!(failure.failure.kind, "RepositoryUnavailable");
        assert_eq!(failure.next_retry_delay, Some(SILENT_SERVER_DELAY));
    }

    #[test]
    fn a_failure_names_no_folder_of_the_worker() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Arc::new(SecretFolder(folder.path().join("secrets")));
        let options = ctutor_git::Options::default();
        let cache = RepositoryCache::new(folder.path().join("cache/git"), options, secrets).unwrap();
        let unavailable = Unavailable { reason: "none".to_owned(), remedy: "none".to_owned() };
        let scratch = folder.path().join("cache/scratch");
        let station = TestingStation::new(cache, Err(unavailable), Maxima::default(), scratch.clone(), 1)
            .hiding(&folder.path().join("cache"), "<cache>");
        let source = std::io::Error::other(format!("no space left at {}", scratch.join("test-1").display()));
        let failure = broken_failure(&Broken::Files { what: "making a folder", source });
        let shown = station.without_paths(failure).failure.message;
        assert!(
            shown.ends_with("making a folder failed: no space left at <cache>/scratch/test-1"),
            "{shown}"
        );
    }
}
