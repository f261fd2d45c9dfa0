use std::{fmt, str::FromStr};

macro_rules! event_types {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// Temporal's history event types, as far as this version records them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[doc = $doc])* $name,)*
        }

        impl EventType {
            /// Every type, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name, as stored and shown: `ActivityTaskScheduled`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }

        impl FromStr for EventType {
            type Err = UnknownEventType;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $(stringify!($name) => Ok(Self::$name),)*
                    _ => Err(UnknownEventType(text.to_owned())),
                }
            }
        }
    };
}

event_types! {
    /// The run was accepted.
    WorkflowExecutionStarted,
    /// The run returned a result.
    WorkflowExecutionCompleted,
    /// The run failed.
    WorkflowExecutionFailed,
    /// The run took longer than it may.
    WorkflowExecutionTimedOut,
    /// Somebody asked the run to stop.
    WorkflowExecutionCancelRequested,
    /// The run stopped because it was asked to.
    WorkflowExecutionCanceled,
    /// The run was stopped from outside.
    WorkflowExecutionTerminated,
    /// An activity was put on its queue.
    ActivityTaskScheduled,
    /// The last attempt of an activity began; recorded with its end.
    ActivityTaskStarted,
    /// An activity returned a result.
    ActivityTaskCompleted,
    /// An activity failed for good.
    ActivityTaskFailed,
    /// An activity ran out of time for good.
    ActivityTaskTimedOut,
    /// The run asked an activity to stop.
    ActivityTaskCancelRequested,
    /// An activity stopped because it was asked to.
    ActivityTaskCanceled,
    /// A timer was set.
    TimerStarted,
    /// A timer rang.
    TimerFired,
    /// A timer was taken back.
    TimerCanceled,
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no event type of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown history event type `{0}`")]
pub struct UnknownEventType(pub String);
