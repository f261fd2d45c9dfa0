//! Failures as they are recorded.

use serde::{Deserialize, Serialize};

use crate::payload::Payload;

/// An error as history records it and the API shows it.
///
/// Its texts come from workflow and activity code, so they are for the people who may see the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What went wrong, for people.
    pub message: String,
    /// The class of the error, to be matched by retry policies and programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// No retry policy tries again.
    #[serde(default)]
    pub non_retryable: bool,
    /// What the code added for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Payload>,
    /// The failure that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<Failure>>,
}

/// Longest message that is recorded; the rest is cut.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;

impl Failure {
    /// A failure of a class with a message, which is cut at [`MESSAGE_BYTES_MAX`].
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.push('…');
        }
        Self { message, kind: kind.into(), non_retryable: false, details: None, cause: None }
    }

    /// The same failure, never to be retried.
    #[must_use]
    pub fn non_retryable(mut self) -> Self {
        self.non_retryable = true;
        self
    }

    /// The same failure with what led to it.
    #[must_use]
    pub fn caused_by(mut self, cause: Failure) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }
}

/// Which time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TimeoutType {
    /// No worker took the task in time.
    ScheduleToStart,
    /// One attempt took too long.
    StartToClose,
    /// All attempts together took too long.
    ScheduleToClose,
    /// The activity stopped reporting, or its worker was lost.
    Heartbeat,
}

impl TimeoutType {
    /// The name used in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScheduleToStart => "schedule-to-start",
            Self::StartToClose => "start-to-close",
            Self::ScheduleToClose => "schedule-to-close",
            Self::Heartbeat => "heartbeat",
        }
    }
}
