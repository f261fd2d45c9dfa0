use crate::{
    history::{EventAttributes, HistoryEvent},
    ids::{EventId, WorkflowType},
};

/// Replay of a history asked for something else than was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the workflow code asks for {expected}, but event {event_id} is {recorded}")]
pub struct Nondeterminism {
    /// What the code asks for at this point.
    pub expected: String,
    /// What was recorded.
    pub recorded: String,
    /// The event that does not fit.
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
}

/// Why a workflow task cannot be done by this worker. It does not end the run: the task is tried again,
/// later and perhaps by mended code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowTaskError {
    /// The code and the history disagree.
    #[error("nondeterminism in workflow `{workflow_type}`: {source}")]
    Nondeterminism {
        /// The code.
        workflow_type: WorkflowType,
        /// Where they disagree.
        source: Nondeterminism,
    },
    /// The code awaits something that is not recorded, such as a socket or the runtime's own timer.
    #[error(
        "nondeterminism in workflow `{workflow_type}`: after event {event_id} it awaits something that is not \
         from its context; use `ctx.sleep`, an activity or another method of the context"
    )]
    ForeignAwait {
        /// The code.
        workflow_type: WorkflowType,
        /// The event that it was handling.
        event_id: EventId,
    },
    /// The code panicked.
    #[error("workflow `{workflow_type}` panicked after event {event_id}: {message}")]
    Panic {
        /// The code.
        workflow_type: WorkflowType,
        /// The event that it was handling.
        event_id: EventId,
        /// The words of the panic.
        message: String,
    },
    /// The history is not one that a worker can continue.
    #[error("the history of workflow `{workflow_type}` cannot be continued: {reason}")]
    History {
        /// The code.
        workflow_type: WorkflowType,
        /// What is wrong with it.
        reason: String,
    },
}

impl WorkflowTaskError {
    /// The stable class, as recorded with the workflow task.
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
        _ => event_type.to_string(),
    }
}
