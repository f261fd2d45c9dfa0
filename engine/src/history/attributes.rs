use serde::{Deserialize, Serialize};

use super::{DecodeError, EventType};
use crate::{
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    ids::{ActivityType, EventId, TaskQueue, WorkflowType},
    payload::Payload,
    retry::RetryPolicy,
};

macro_rules! event_attributes {
    ($($(#[doc = $doc:literal])* $name:ident: $role:ident,)*) => {
        /// An event type with the attributes of that type.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each variant is named after the struct that it holds")]
        pub enum EventAttributes {
            $($name($name),)*
        }

        impl EventAttributes {
            /// The type of the event.
            #[must_use]
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$name(_) => EventType::$name,)*
                }
            }

            /// The attributes as JSON, as they are stored and shown.
            #[must_use]
            pub fn to_json(&self) -> String {
                match self {
                    $(Self::$name(attributes) => serde_json::to_string(attributes),)*
                }
                .expect("attributes hold strings, numbers and checked payloads, which all serialize to JSON")
            }

            /// Parses the attributes of an event.
            ///
            /// # Errors
            /// [`DecodeError::Attributes`] if the JSON does not match the type.
            pub fn from_json(event_type: EventType, text: &str) -> Result<Self, DecodeError> {
                match event_type {
                    $(EventType::$name => serde_json::from_str(text).map(Self::$name),)*
                }
                .map_err(|source| DecodeError::Attributes { event_type, source })
            }
        }

        $(impl From<$name> for EventAttributes {
            fn from(attributes: $name) -> Self {
                Self::$name(attributes)
            }
        })*
    };
}

for_each_history_event_type!(event_attributes);

/// The server accepted the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionStarted {
    /// The workflow type, which names the code to run.
    pub workflow_type: WorkflowType,
    /// Task queue of its workflow tasks.
    pub task_queue: TaskQueue,
    /// Workflow input.
    pub input: Payload,
    /// Execution timeout: from start to close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_execution_timeout_ms: Option<i64>,
    /// Earliest time at which a worker may start the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at_ms: Option<Timestamp>,
    /// Subject of the caller who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Seed of the random numbers that the workflow code gets.
    pub random_seed: u64,
}

/// The workflow returned a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionCompleted {
    /// The returned value.
    pub result: Payload,
}

/// The workflow failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionFailed {
    /// Type and message of the failure.
    pub failure: Failure,
}

/// The run exceeded its execution timeout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionTimedOut {
    /// The timeout that was exceeded.
    pub workflow_execution_timeout_ms: i64,
}

/// A client requested that the run be canceled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionCancelRequested {
    /// Reason that the client gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Subject of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// The workflow ended as canceled after a cancel request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionCanceled {}

/// The run was terminated without telling its code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionTerminated {
    /// Reason that the client gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Subject of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// An activity was added to its task queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskScheduled {
    /// Activity ID, counted with the timers of the run: "1", "2" ….
    pub activity_id: String,
    /// The activity type, which names the code to run.
    pub activity_type: ActivityType,
    /// Task queue on which it waits for a worker.
    pub task_queue: TaskQueue,
    /// Activity input.
    pub input: Payload,
    /// Schedule-to-start timeout: longest wait for a worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_to_start_timeout_ms: Option<i64>,
    /// Start-to-close timeout: longest duration of one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_to_close_timeout_ms: Option<i64>,
    /// Schedule-to-close timeout: longest duration of all attempts together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_to_close_timeout_ms: Option<i64>,
    /// Heartbeat timeout: longest time between two heartbeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_timeout_ms: Option<i64>,
    /// Whether and when a failed attempt is retried.
    pub retry_policy: RetryPolicy,
    /// Build ID of the worker whose workflow code scheduled it; `None` in events that are older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

/// The last attempt of an activity started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskStarted {
    /// ID of the `ActivityTaskScheduled` event.
    pub scheduled_event_id: EventId,
    /// Number of the attempt: 1, 2, 3 ….
    pub attempt: u32,
    /// When the attempt started; this event is recorded when it ends.
    pub started_at_ms: Timestamp,
    /// Identity of the worker that ran it.
    pub identity: String,
    /// Failure of the previous attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// An activity returned a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskCompleted {
    /// ID of the `ActivityTaskScheduled` event.
    pub scheduled_event_id: EventId,
    /// ID of the `ActivityTaskStarted` event.
    pub started_event_id: EventId,
    /// The returned value.
    pub result: Payload,
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetryState {
    /// The failure or the retry policy marks it as not retryable.
    NonRetryableFailure,
    /// The maximum number of attempts was reached.
    MaximumAttemptsReached,
    /// A timeout leaves no time for another attempt.
    Timeout,
    /// The activity was requested to cancel.
    CancelRequested,
}

impl RetryState {
    /// The name as stored and shown: `MAXIMUM_ATTEMPTS_REACHED`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NonRetryableFailure => "NON_RETRYABLE_FAILURE",
            Self::MaximumAttemptsReached => "MAXIMUM_ATTEMPTS_REACHED",
            Self::Timeout => "TIMEOUT",
            Self::CancelRequested => "CANCEL_REQUESTED",
        }
    }
}

/// An activity failed and is not retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskFailed {
    /// ID of the `ActivityTaskScheduled` event.
    pub scheduled_event_id: EventId,
    /// ID of the `ActivityTaskStarted` event.
    pub started_event_id: EventId,
    /// Failure of the last attempt.
    pub failure: Failure,
    /// Why no further attempt is made.
    pub retry_state: RetryState,
}

/// An activity timed out and is not retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskTimedOut {
    /// ID of the `ActivityTaskScheduled` event.
    pub scheduled_event_id: EventId,
    /// ID of the `ActivityTaskStarted` event; absent if no attempt started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_event_id: Option<EventId>,
    /// Which timeout was exceeded.
    pub timeout_type: TimeoutType,
    /// Message of the timeout, with the failure of the previous attempt as its cause.
    pub failure: Failure,
    /// Why no further attempt is made.
    pub retry_state: RetryState,
}

/// The workflow requested that an activity be canceled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskCancelRequested {
    /// ID of the `ActivityTaskScheduled` event.
    pub scheduled_event_id: EventId,
}

/// An activity ended as canceled after a cancel request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskCanceled {
    /// ID of the `ActivityTaskScheduled` event.
    pub scheduled_event_id: EventId,
    /// ID of the `ActivityTaskStarted` event; absent if no attempt started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_event_id: Option<EventId>,
}

/// A timer was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerStarted {
    /// Timer ID, counted with the activities of the run: "1", "2" ….
    pub timer_id: String,
    /// Duration of the timer.
    pub start_to_fire_timeout_ms: i64,
}

/// A timer fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerFired {
    /// Timer ID.
    pub timer_id: String,
    /// ID of the `TimerStarted` event.
    pub started_event_id: EventId,
}

/// A timer was canceled before it fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerCanceled {
    /// Timer ID.
    pub timer_id: String,
    /// ID of the `TimerStarted` event.
    pub started_event_id: EventId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_stored_under_temporals_names() {
        let event = EventAttributes::from(TimerFired { timer_id: "1".into(), started_event_id: 2 });
        let text = event.to_json();
        assert_eq!(text, r#"{"timerId":"1","startedEventId":2}"#);
        assert_eq!(EventAttributes::from_json(EventType::TimerFired, &text).unwrap(), event);
    }

    #[test]
    fn an_unreadable_event_names_its_type() {
        let error = EventAttributes::from_json(EventType::TimerFired, "{}").unwrap_err();
        assert_eq!(error.to_string(), "the attributes of a `TimerFired` event cannot be read");
    }
}
