use std::fmt;

use crate::history::{
    ActivityTaskCancelRequested, ActivityTaskScheduled, EventAttributes, TimerCanceled, TimerStarted,
    WorkflowExecutionCanceled, WorkflowExecutionCompleted, WorkflowExecutionFailed,
};

/// Something that workflow code asked for and that awaits its record.
#[derive(Debug, Clone)]
pub struct Command {
    /// Which of the run's activities or timers it concerns; 0 for the run itself.
    pub(crate) sequence: u32,
    /// What is asked for.
    pub kind: CommandKind,
}

/// What workflow code can ask for. Each becomes exactly one event.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant holds the attributes of the event that it becomes")]
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
    /// Identity counts, content does not: a deployment may change a timeout or what is computed, but not
    /// which activity is asked for, or in which place.
    #[must_use]
    pub fn matches(&self, recorded: &EventAttributes) -> bool {
        match (&self.kind, recorded) {
            (CommandKind::ScheduleActivityTask(asked), EventAttributes::ActivityTaskScheduled(was)) => {
                asked.activity_id == was.activity_id && asked.activity_type == was.activity_type
            }
            (
                CommandKind::RequestCancelActivityTask(asked),
                EventAttributes::ActivityTaskCancelRequested(was),
            ) => asked.scheduled_event_id == was.scheduled_event_id,
            (CommandKind::StartTimer(asked), EventAttributes::TimerStarted(was)) => {
                asked.timer_id == was.timer_id
            }
            (CommandKind::CancelTimer(asked), EventAttributes::TimerCanceled(was)) => {
                asked.timer_id == was.timer_id
            }
            (CommandKind::CompleteWorkflowExecution(_), EventAttributes::WorkflowExecutionCompleted(_))
            | (CommandKind::FailWorkflowExecution(_), EventAttributes::WorkflowExecutionFailed(_))
            | (CommandKind::CancelWorkflowExecution(_), EventAttributes::WorkflowExecutionCanceled(_)) => {
                true
            }
            _ => false,
        }
    }

    /// Whether it ends the run.
    #[must_use]
    pub fn closes_run(&self) -> bool {
        matches!(
            self.kind,
            CommandKind::CompleteWorkflowExecution(_)
                | CommandKind::FailWorkflowExecution(_)
                | CommandKind::CancelWorkflowExecution(_)
        )
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
