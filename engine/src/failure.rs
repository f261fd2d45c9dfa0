//! Failures, as the history records them.

use serde::{Deserialize, Serialize};

use crate::payload::Payload;

/// An error, as the history records it and the API shows it.
///
/// Its texts come from workflow and activity code and are shown to everybody who may see the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Message for people.
    pub message: String,
    /// Stable type of the failure, which retry policies and programs compare.
    #[serde(rename = "type")]
    pub kind: String,
    /// If true, never retried, whatever the retry policy says.
    #[serde(default)]
    pub non_retryable: bool,
    /// Values that the code added for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Payload>,
    /// Failure that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<Failure>>,
}

/// Maximum length of a recorded message; longer ones are cut.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;

impl Failure {
    /// A failure with a type and a message, which is cut at [`MESSAGE_BYTES_MAX`].
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.push('…');
        }
        Self { message, kind: kind.into(), non_retryable: false, details: None, cause: None }
    }

    /// The same failure, marked as not retryable.
    #[must_use]
    pub fn non_retryable(mut self) -> Self {
        self.non_retryable = true;
        self
    }

    /// The same failure with its cause.
    #[must_use]
    pub fn caused_by(mut self, cause: Failure) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }
}

/// Which timeout of an activity was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TimeoutType {
    /// No worker started the task in time.
    ScheduleToStart,
    /// One attempt took too long.
    StartToClose,
    /// All attempts together took too long.
    ScheduleToClose,
    /// The activity sent no heartbeat in time, or its worker was lost.
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
