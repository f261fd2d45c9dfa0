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
    ($($name:ident),* $(,)?) => {
        /// What happened, with the fields of its type.
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

            /// The fields as JSON, the form in which they are stored and shown.
            #[must_use]
            pub fn to_json(&self) -> String {
                match self {
                    $(Self::$name(attributes) => serde_json::to_string(attributes),)*
                }
                .expect("attributes hold texts, numbers and checked payloads, which all have a JSON form")
            }

            /// Reads the fields of an event.
            ///
            /// # Errors
            /// [`DecodeError::Attributes`] when the text does not fit the type.
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

event_attributes! {
    WorkflowExecutionStarted,
    WorkflowExecutionCompleted,
    WorkflowExecutionFailed,
    WorkflowExecutionTimedOut,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionCanceled,
    WorkflowExecutionTerminated,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
    ActivityTaskCancelRequested,
    ActivityTaskCanceled,
    TimerStarted,
    TimerFired,
    TimerCanceled,
}

/// The run was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionStarted {
    /// The code to run.
    pub workflow_type: WorkflowType,
    /// Where its tasks go.
    pub task_queue: TaskQueue,
    /// What it was started with.
    pub input: Payload,
    /// Longest time from start to close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_execution_timeout_ms: Option<i64>,
    /// The run is not handed to a worker before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at_ms: Option<Timestamp>,
    /// Who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Seed of the run's random numbers.
    pub random_seed: u64,
}

/// The run returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionCompleted {
    /// What it returned.
    pub result: Payload,
}

/// The run failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionFailed {
    /// Why.
    pub failure: Failure,
}

/// The run took longer than it may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionTimedOut {
    /// How long it was allowed to take.
    pub workflow_execution_timeout_ms: i64,
}

/// Somebody asked the run to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionCancelRequested {
    /// Why, in the words of who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// The run stopped because it was asked to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionCanceled {}

/// The run was stopped from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExecutionTerminated {
    /// Why, in the words of who stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// An activity was put on its queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskScheduled {
    /// Its number among the run's commands: "1", "2" ….
    pub activity_id: String,
    /// The code to run.
    pub activity_type: ActivityType,
    /// Where it waits for a worker.
    pub task_queue: TaskQueue,
    /// What it gets.
    pub input: Payload,
    /// Longest wait for a worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_to_start_timeout_ms: Option<i64>,
    /// Longest time of one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_to_close_timeout_ms: Option<i64>,
    /// Longest time of all attempts together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_to_close_timeout_ms: Option<i64>,
    /// Longest time between two heartbeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_timeout_ms: Option<i64>,
    /// When to try again.
    pub retry_policy: RetryPolicy,
}

/// The last attempt of an activity began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskStarted {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// Which attempt: 1, 2, 3 ….
    pub attempt: u32,
    /// When it began; this event is recorded with the end of the attempt.
    pub started_at_ms: Timestamp,
    /// The worker that ran it.
    pub identity: String,
    /// Why the attempt before it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// An activity returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskCompleted {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// The event that started it.
    pub started_event_id: EventId,
    /// What it returned.
    pub result: Payload,
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetryState {
    /// The failure or the policy says that trying again is useless.
    NonRetryableFailure,
    /// All attempts were used.
    MaximumAttemptsReached,
    /// No time is left for another attempt.
    Timeout,
    /// The activity was asked to stop.
    CancelRequested,
}

/// An activity failed for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskFailed {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// The event that started it.
    pub started_event_id: EventId,
    /// Why the last attempt failed.
    pub failure: Failure,
    /// Why no further attempt is made.
    pub retry_state: RetryState,
}

/// An activity ran out of time for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskTimedOut {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// The event that started it; none when no attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_event_id: Option<EventId>,
    /// Which time ran out.
    pub timeout_type: TimeoutType,
    /// The words for it, and the failure of the attempt before.
    pub failure: Failure,
    /// Why no further attempt is made.
    pub retry_state: RetryState,
}

/// The run asked an activity to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskCancelRequested {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
}

/// An activity stopped because it was asked to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTaskCanceled {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// The event that started it; none when no attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_event_id: Option<EventId>,
}

/// A timer was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerStarted {
    /// Its number among the run's commands: "1", "2" ….
    pub timer_id: String,
    /// How long it runs.
    pub start_to_fire_timeout_ms: i64,
}

/// A timer rang.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerFired {
    /// Its number.
    pub timer_id: String,
    /// The event that set it.
    pub started_event_id: EventId,
}

/// A timer was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerCanceled {
    /// Its number.
    pub timer_id: String,
    /// The event that set it.
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
