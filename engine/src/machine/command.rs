use std::fmt;

use crate::{
    history::{
        ActivityTaskCancelRequested, ActivityTaskScheduled, EventAttributes, TimerCanceled, TimerStarted,
        WorkflowExecutionCanceled, WorkflowExecutionCompleted, WorkflowExecutionFailed,
    },
    payload::difference,
};

/// A command of workflow code that is not recorded as an event yet.
#[derive(Debug, Clone)]
pub struct Command {
    /// Number of the activity or timer that it is about; 0 for the run itself.
    pub(crate) sequence: u32,
    /// What the code asks for.
    pub kind: CommandKind,
}

/// The commands that workflow code can give. Each is recorded as exactly one event.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant holds the attributes of the event that records it")]
pub enum CommandKind {
    ScheduleActivityTask(Box<ActivityTaskScheduled>),
    RequestCancelActivityTask(ActivityTaskCancelRequested),
    StartTimer(TimerStarted),
    CancelTimer(TimerCanceled),
    CompleteWorkflowExecution(WorkflowExecutionCompleted),
    FailWorkflowExecution(WorkflowExecutionFailed),
    CancelWorkflowExecution(WorkflowExecutionCanceled),
}

impl Command {
    /// The event that records it.
    #[must_use]
    pub fn to_attributes(&self) -> EventAttributes {
        match self.kind.clone() {
            CommandKind::ScheduleActivityTask(attributes) => (*attributes).into(),
            CommandKind::RequestCancelActivityTask(attributes) => attributes.into(),
            CommandKind::StartTimer(attributes) => attributes.into(),
            CommandKind::CancelTimer(attributes) => attributes.into(),
            CommandKind::CompleteWorkflowExecution(attributes) => attributes.into(),
            CommandKind::FailWorkflowExecution(attributes) => attributes.into(),
            CommandKind::CancelWorkflowExecution(attributes) => attributes.into(),
        }
    }

    /// Whether a recorded event can be the record of this command.
    ///
    /// Only the identity is compared: a deployment may change a timeout, but not which activity is scheduled, or in
    /// which order. [`Self::differing_input`] compares inputs.
    #[must_use]
    pub fn matches(&self, recorded: &EventAttributes) -> bool {
        match &self.kind {
            CommandKind::ScheduleActivityTask(asked) => {
                matches!(recorded, EventAttributes::ActivityTaskScheduled(was)
                    if asked.activity_id == was.activity_id && asked.activity_type == was.activity_type)
            }
            CommandKind::RequestCancelActivityTask(asked) => {
                matches!(recorded, EventAttributes::ActivityTaskCancelRequested(was)
                    if asked.scheduled_event_id == was.scheduled_event_id)
            }
            CommandKind::StartTimer(asked) => {
                matches!(recorded, EventAttributes::TimerStarted(was) if asked.timer_id == was.timer_id)
            }
            CommandKind::CancelTimer(asked) => {
                matches!(recorded, EventAttributes::TimerCanceled(was) if asked.timer_id == was.timer_id)
            }
            CommandKind::CompleteWorkflowExecution(_) => {
                matches!(recorded, EventAttributes::WorkflowExecutionCompleted(_))
            }
            CommandKind::FailWorkflowExecution(_) => {
                matches!(recorded, EventAttributes::WorkflowExecutionFailed(_))
            }
            CommandKind::CancelWorkflowExecution(_) => {
                matches!(recorded, EventAttributes::WorkflowExecutionCanceled(_))
            }
        }
    }

    /// Where the input of an activity differs from the recorded one; `None` if they are the same.
    pub(super) fn differing_input(&self, recorded: &ActivityTaskScheduled) -> Option<String> {
        match &self.kind {
            CommandKind::ScheduleActivityTask(asked) => difference::first(&asked.input, &recorded.input),
            CommandKind::RequestCancelActivityTask(_)
            | CommandKind::StartTimer(_)
            | CommandKind::CancelTimer(_)
            | CommandKind::CompleteWorkflowExecution(_)
            | CommandKind::FailWorkflowExecution(_)
            | CommandKind::CancelWorkflowExecution(_) => None,
        }
    }

    /// Whether it ends the run.
    #[must_use]
    pub fn closes_run(&self) -> bool {
        match self.kind {
            CommandKind::CompleteWorkflowExecution(_)
            | CommandKind::FailWorkflowExecution(_)
            | CommandKind::CancelWorkflowExecution(_) => true,
            CommandKind::ScheduleActivityTask(_)
            | CommandKind::RequestCancelActivityTask(_)
            | CommandKind::StartTimer(_)
            | CommandKind::CancelTimer(_) => false,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CommandKind::ScheduleActivityTask(a) => {
                write!(f, "ScheduleActivityTask `{}` ({})", a.activity_type, a.activity_id)
            }
            CommandKind::RequestCancelActivityTask(a) => {
                write!(f, "RequestCancelActivityTask of event {}", a.scheduled_event_id)
            }
            CommandKind::StartTimer(a) => write!(f, "StartTimer ({})", a.timer_id),
            CommandKind::CancelTimer(a) => write!(f, "CancelTimer ({})", a.timer_id),
            CommandKind::CompleteWorkflowExecution(_) => f.write_str("CompleteWorkflowExecution"),
            CommandKind::FailWorkflowExecution(_) => f.write_str("FailWorkflowExecution"),
            CommandKind::CancelWorkflowExecution(_) => f.write_str("CancelWorkflowExecution"),
        }
    }
}
