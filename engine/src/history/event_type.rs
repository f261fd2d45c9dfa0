use std::{fmt, str::FromStr};

/// What an event is to a run that replays its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventRole {
    /// First event of a history; starts the workflow code.
    Start,
    /// Records a command of the workflow code, and must match the command that the code gives during replay.
    Command,
    /// Comes from outside; the code is told and continues.
    Delivered,
    /// Comes from outside and is recorded for readers; the code is not told.
    Informational,
    /// Closes the run from outside; the code is not told and nothing follows.
    CloseFromOutside,
}

/// The one list of event types: name, description and [`EventRole`]. It is passed on to the macro that is named, so
/// that every list of event types, in this crate and elsewhere, is generated from it.
#[macro_export]
macro_rules! for_each_history_event_type {
    ($macro:ident) => {
        $macro! {
            /// The server accepted the run.
            WorkflowExecutionStarted: Start,
            /// The workflow returned a result.
            WorkflowExecutionCompleted: Command,
            /// The workflow failed.
            WorkflowExecutionFailed: Command,
            /// The run exceeded its execution timeout.
            WorkflowExecutionTimedOut: CloseFromOutside,
            /// A client requested that the run be canceled.
            WorkflowExecutionCancelRequested: Delivered,
            /// The workflow ended as canceled after a cancel request.
            WorkflowExecutionCanceled: Command,
            /// The run was terminated without telling its code.
            WorkflowExecutionTerminated: CloseFromOutside,
            /// An activity was added to its task queue.
            ActivityTaskScheduled: Command,
            /// The last attempt of an activity started; recorded together with its end.
            ActivityTaskStarted: Informational,
            /// An activity returned a result.
            ActivityTaskCompleted: Delivered,
            /// An activity failed and is not retried.
            ActivityTaskFailed: Delivered,
            /// An activity timed out and is not retried.
            ActivityTaskTimedOut: Delivered,
            /// The workflow requested that an activity be canceled.
            ActivityTaskCancelRequested: Command,
            /// An activity ended as canceled after a cancel request.
            ActivityTaskCanceled: Delivered,
            /// A timer was started.
            TimerStarted: Command,
            /// A timer fired.
            TimerFired: Delivered,
            /// A timer was canceled before it fired.
            TimerCanceled: Command,
        }
    };
}

macro_rules! event_types {
    ($($(#[doc = $doc:literal])* $name:ident: $role:ident,)*) => {
        /// Temporal's history event types, as far as this version records them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[doc = $doc])* $name,)*
        }

        impl EventType {
            /// Every type, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name, as stored and shown: `ActivityTaskScheduled`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What the event is to a run that replays its history.
            #[must_use]
            pub fn role(self) -> EventRole {
                match self {
                    $(Self::$name => EventRole::$role,)*
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

for_each_history_event_type!(event_types);

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is not an event type of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown history event type `{0}`")]
pub struct UnknownEventType(pub String);
