use std::fmt;

use serde::Serialize;

use crate::{
    failure::{Failure, TimeoutType},
    ids::ActivityType,
    payload::{Payload, PayloadError},
};

/// How a run ends without a result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkflowError {
    /// The run failed.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The run was asked to stop, and did.
    #[error("the workflow was canceled")]
    Canceled,
}

impl WorkflowError {
    /// A failure of a class with a message.
    #[must_use]
    pub fn failed(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(kind, message))
    }

    /// The same error with values for programs; left out when they have no JSON form.
    #[must_use]
    pub fn details(self, details: &impl Serialize) -> Self {
        match self {
            Self::Failed(mut failure) => {
                failure.details = Payload::encode(details).ok();
                Self::Failed(failure)
            }
            Self::Canceled => Self::Canceled,
        }
    }
}

/// How an activity ended without a result, as the workflow sees it.
#[derive(Debug, Clone)]
pub struct ActivityFailure {
    /// The activity.
    pub activity_type: ActivityType,
    /// Its number in the run.
    pub activity_id: String,
    /// In which way.
    pub kind: ActivityFailureKind,
    /// What was recorded.
    pub failure: Box<Failure>,
}

/// The ways in which an activity ends without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityFailureKind {
    /// It failed for good.
    Failed,
    /// It ran out of time for good.
    TimedOut(TimeoutType),
    /// It was asked to stop.
    Canceled,
}

impl fmt::Display for ActivityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.message)
    }
}

impl std::error::Error for ActivityFailure {}

impl From<ActivityFailure> for WorkflowError {
    /// A canceled activity cancels the run; any other failure fails it, with the activity's class and words,
    /// which are what the user can act on.
    fn from(error: ActivityFailure) -> Self {
        match error.kind {
            ActivityFailureKind::Canceled => Self::Canceled,
            ActivityFailureKind::Failed | ActivityFailureKind::TimedOut(_) => {
                let Failure { message, kind, details, non_retryable, .. } = (*error.failure).clone();
                Self::Failed(Failure { message, kind, details, non_retryable, cause: Some(error.failure) })
            }
        }
    }
}

impl From<PayloadError> for WorkflowError {
    fn from(error: PayloadError) -> Self {
        Self::failed("Payload", error.to_string())
    }
}
