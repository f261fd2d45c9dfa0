use std::path::PathBuf;

use ctutor_engine::{activity::ActivityError, chain};
use ctutor_git::{Error, RepositoryCache};
use ctutor_sandbox::{Sandbox, Unavailable};

use super::{Broken, places::Places, plan::Maxima};

/// What a worker lends to the testing activities.
#[derive(Debug)]
pub struct TestingStation {
    pub(super) cache: RepositoryCache,
    pub(super) sandbox: Result<Sandbox, Unavailable>,
    pub(super) maxima: Maxima,
    pub(super) scratch: PathBuf,
    pub(super) places: Places,
}

impl TestingStation {
    /// A station of these parts, where so many tests run at once. Without a sandbox every test is refused, with the reason.
    #[must_use]
    pub fn new(
        cache: RepositoryCache,
        sandbox: Result<Sandbox, Unavailable>,
        maxima: Maxima,
        scratch: PathBuf,
        at_once_max: usize,
    ) -> Self {
        Self { cache, sandbox, maxima, scratch, places: Places::new(at_once_max) }
    }

    pub(super) fn sandbox(&self) -> Result<&Sandbox, ActivityError> {
        self.sandbox.as_ref().map_err(|unavailable| {
            let message = format!("{unavailable}; {}", unavailable.remedy);
            ActivityError::non_retryable("SandboxUnavailable", message)
        })
    }
}

/// The failure of an activity that a fault of the repository leads to.
pub(super) fn git_failure(error: &Error) -> ActivityError {
    if matches!(error, Error::Canceled) {
        return ActivityError::canceled();
    }
    let message = chain(error).to_string();
    if error.is_retryable() {
        return ActivityError::retryable("RepositoryUnavailable", message);
    }
    let kind = match error {
        Error::SecretRefused { .. } | Error::SecretInTheClear { .. } => "SecretRefused",
        Error::SourceRefused { .. } => "SourceRefused",
        _ => "RepositoryUnusable",
    };
    ActivityError::non_retryable(kind, message)
}

/// Why a submission cannot be tested, if whoever pushed it can change that.
pub(super) fn students_fault(error: &Error) -> Option<String> {
    error.is_of_the_content().then(|| format!("the submission cannot be tested: {error}"))
}

/// The failure of an activity that a broken environment leads to.
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
