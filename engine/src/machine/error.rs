use crate::{
    history::{EventAttributes, HistoryEvent},
    ids::{EventId, WorkflowType},
};

/// During replay the code gave another command than the history records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the workflow code asks for {expected}, but event {event_id} is {recorded}")]
pub struct Nondeterminism {
    /// The command that the code gives at this point.
    pub expected: String,
    /// The recorded event.
    pub recorded: String,
    /// ID of the event that does not match.
    pub event_id: EventId,
}

impl Nondeterminism {
    pub(crate) fn new(expected: impl Into<String>, recorded: &HistoryEvent) -> Self {
        Self {
            expected: expected.into(),
            recorded: describe(&recorded.attributes),
            event_id: recorded.event_id,
        }
    }

    /// The build that recorded the event now gives another input.
    pub(super) fn of_one_build(expected: String, recorded: &HistoryEvent) -> Self {
        Self {
            expected,
            recorded: format!(
                "{} of the same build; take what is passed on from the context and keep it in an order, as in a `BTreeMap`",
                describe(&recorded.attributes)
            ),
            event_id: recorded.event_id,
        }
    }
}

/// Why this worker cannot process a workflow task. The run stays open: the task is retried later, perhaps by a
/// worker with fixed code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowTaskError {
    /// The code and the history do not match.
    #[error("nondeterminism in workflow `{workflow_type}`: {source}")]
    Nondeterminism {
        /// The workflow type.
        workflow_type: WorkflowType,
        /// Where they differ.
        source: Nondeterminism,
    },
    /// The code awaits something that is not recorded, such as a socket or a timer of the runtime.
    #[error(
        "nondeterminism in workflow `{workflow_type}`: after event {event_id} it awaits something that is not \
         from its context; use `ctx.sleep`, an activity or another method of the context"
    )]
    ForeignAwait {
        /// The workflow type.
        workflow_type: WorkflowType,
        /// ID of the event that it was processing.
        event_id: EventId,
    },
    /// The code panicked.
    #[error("workflow `{workflow_type}` panicked after event {event_id}: {message}")]
    Panic {
        /// The workflow type.
        workflow_type: WorkflowType,
        /// ID of the event that it was processing.
        event_id: EventId,
        /// Message of the panic.
        message: String,
    },
    /// The history cannot be continued by a worker.
    #[error("the history of workflow `{workflow_type}` cannot be continued: {reason}")]
    History {
        /// The workflow type.
        workflow_type: WorkflowType,
        /// What is wrong with the history.
        reason: String,
    },
}

impl WorkflowTaskError {
    /// Stable failure type, as recorded with the workflow task.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nondeterminism { .. } | Self::ForeignAwait { .. } => "NondeterminismError",
            Self::Panic { .. } => "PanicError",
            Self::History { .. } => "HistoryError",
        }
    }
}

fn describe(attributes: &EventAttributes) -> String {
    let event_type = attributes.event_type();
    match attributes {
        EventAttributes::ActivityTaskScheduled(a) => {
            format!("{event_type} `{}` ({})", a.activity_type, a.activity_id)
        }
        EventAttributes::TimerStarted(a) => format!("{event_type} ({})", a.timer_id),
        EventAttributes::TimerCanceled(a) => format!("{event_type} ({})", a.timer_id),
        EventAttributes::WorkflowExecutionStarted(_)
        | EventAttributes::WorkflowExecutionCompleted(_)
        | EventAttributes::WorkflowExecutionFailed(_)
        | EventAttributes::WorkflowExecutionTimedOut(_)
        | EventAttributes::WorkflowExecutionCancelRequested(_)
        | EventAttributes::WorkflowExecutionCanceled(_)
        | EventAttributes::WorkflowExecutionTerminated(_)
        | EventAttributes::ActivityTaskStarted(_)
        | EventAttributes::ActivityTaskCompleted(_)
        | EventAttributes::ActivityTaskFailed(_)
        | EventAttributes::ActivityTaskTimedOut(_)
        | EventAttributes::ActivityTaskCancelRequested(_)
        | EventAttributes::ActivityTaskCanceled(_)
        | EventAttributes::TimerFired(_) => event_type.to_string(),
    }
}
