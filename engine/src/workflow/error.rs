use std::fmt;

use serde::Serialize;

use crate::{
    failure::{Failure, TimeoutType},
    ids::ActivityType,
    payload::{Payload, PayloadError},
};

/// Why a workflow ends without a result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkflowError {
    /// The run failed.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The workflow stopped after a cancel request.
    #[error("the workflow was canceled")]
    Canceled,
}

impl WorkflowError {
    /// A failure with a type and a message.
    #[must_use]
    pub fn failed(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(kind, message))
    }

    /// The same error with values for programs; omitted if they cannot be written as JSON.
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

/// Why an activity ended without a result.
#[derive(Debug, Clone)]
pub struct ActivityFailure {
    /// Activity type.
    pub activity_type: ActivityType,
    /// Activity ID.
    pub activity_id: String,
    /// How it ended.
    pub kind: ActivityFailureKind,
    /// The recorded failure.
    pub failure: Box<Failure>,
}

/// The ways in which an activity ends without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityFailureKind {
    /// It failed and is not retried.
    Failed,
    /// It timed out and is not retried.
    TimedOut(TimeoutType),
    /// It was canceled.
    Canceled,
}

impl fmt::Display for ActivityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.message)
    }
}

impl std::error::Error for ActivityFailure {}

impl From<ActivityFailure> for WorkflowError {
    /// A canceled activity cancels the workflow; any other failure fails it with the activity's failure type and message,
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
