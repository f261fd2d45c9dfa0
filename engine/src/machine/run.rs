use std::fmt;

use super::{
    command::{Command, CommandKind},
    core::SharedCore,
    error::{Nondeterminism, WorkflowTaskError},
    executor::{Code, Polled, Wakes, poll_until_idle},
};
use crate::{
    clock::Timestamp,
    failure::Failure,
    history::{
        EventAttributes, EventRole, HistoryEvent, TimerFired, WorkflowExecutionCanceled,
        WorkflowExecutionCompleted, WorkflowExecutionFailed,
    },
    ids::{ActivityType, EventId, WorkflowType},
    payload::Payload,
    registry::WorkflowDefinition,
    workflow::{WorkflowError, WorkflowInfo},
};

/// A run in memory: its workflow code, advanced as far as its history goes.
pub struct Run {
    workflow_type: WorkflowType,
    core: SharedCore,
    code: Code,
    wakes: Wakes,
    last_event_id: EventId,
    close: Option<Close>,
    build_id: Option<String>,
    changed_inputs: Vec<ChangedInput>,
}

/// An activity that this build schedules with another input than an earlier build did. The recorded one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedInput {
    /// The activity type.
    pub activity_type: ActivityType,
    /// Where the inputs differ: a path of keys and positions.
    pub place: String,
    /// ID of the event that records the activity.
    pub event_id: EventId,
    /// The build that recorded it, if the event tells it.
    pub recorded_by: Option<String>,
}

/// How the workflow code ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Close {
    /// It returned a result.
    Completed(Payload),
    /// It failed.
    Failed(Failure),
    /// It ended as canceled after a cancel request.
    Canceled,
}

impl Close {
    /// The failure of a workflow that failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Completed(_) | Self::Canceled => None,
        }
    }
}

impl Run {
    /// Starts a run from its first event and polls the code until it waits.
    ///
    /// `build_id` names the build of the code; it is recorded with what the code schedules.
    ///
    /// # Errors
    /// [`WorkflowTaskError`] if the code panics or awaits something that is not from its context, or if
    /// `first` is not a `WorkflowExecutionStarted` event.
    pub fn begin(
        definition: &WorkflowDefinition,
        info: WorkflowInfo,
        build_id: Option<String>,
        first: &HistoryEvent,
    ) -> Result<Self, WorkflowTaskError> {
        let EventAttributes::WorkflowExecutionStarted(started) = &first.attributes else {
            return Err(WorkflowTaskError::History {
                workflow_type: info.workflow_type.clone(),
                reason: format!("it begins with {}", first.event_type()),
            });
        };
        let core = SharedCore::new(first.time, started.random_seed, build_id.clone());
        let workflow_type = info.workflow_type.clone();
        let code = Code::new(definition.begin(core.clone(), info, started.input.clone()));
        let mut run = Self {
            workflow_type,
            core,
            code,
            wakes: Wakes::default(),
            last_event_id: first.event_id,
            close: None,
            build_id,
            changed_inputs: Vec::new(),
        };
        let at_work = run.wakes.at_work();
        run.activate()?;
        drop(at_work);
        Ok(run)
    }

    /// Takes the next event of the history: one that was recorded before, or one from outside that is being
    /// recorded now.
    ///
    /// # Errors
    /// [`WorkflowTaskError`] when the event does not fit what the code asks for, or the code panics.
    /// The run is then in no state to go on and must be dropped.
    pub fn apply(&mut self, event: &HistoryEvent) -> Result<(), WorkflowTaskError> {
        if event.event_id != self.last_event_id + 1 {
            let reason = format!("event {} follows event {}", event.event_id, self.last_event_id);
            return Err(self.broken(reason));
        }
        self.last_event_id = event.event_id;
        let _at_work = self.wakes.at_work();
        match event.event_type().role() {
            EventRole::Command => self.match_command(event),
            EventRole::Start
            | EventRole::Delivered
            | EventRole::Informational
            | EventRole::CloseFromOutside => self.deliver(event),
        }
    }

    /// Checks at the end of a replay that the history records every command of the code.
    ///
    /// Commands are committed together with the event that led to them, so unrecorded commands are legal only
    /// after the first event.
    ///
    /// # Errors
    /// [`WorkflowTaskError::Nondeterminism`] if the code gives a command that is not recorded.
    pub fn end_replay(&self) -> Result<(), WorkflowTaskError> {
        let asked = self.core.lock().commands.next().map(ToString::to_string);
        match asked {
            Some(expected) if self.last_event_id > 1 => Err(self.disagreement(Nondeterminism {
                expected,
                recorded: "missing: the history ends before it".to_owned(),
                event_id: self.last_event_id + 1,
            })),
            _ => Ok(()),
        }
    }

    /// Records the commands that the code gave since the last call, at `now`.
    pub fn record_commands(&mut self, now: Timestamp) -> Vec<HistoryEvent> {
        let mut events = Vec::new();
        loop {
            let Some(command) = self.core.lock().commands.take_next() else { return events };
            self.last_event_id += 1;
            let event =
                HistoryEvent { event_id: self.last_event_id, time: now, attributes: command.to_attributes() };
            self.recorded(&command, &event);
            events.push(event);
        }
    }

    /// The `TimerFired` event of the earliest timer that is due by `now`.
    #[must_use]
    pub fn due_timer(&self, now: Timestamp) -> Option<TimerFired> {
        self.core.lock().timers.due(now)
    }

    /// When the next timer fires.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.core.lock().timers.next_due()
    }

    /// Returns when something from outside the workflow wakes the code between two events, as a timer of the runtime
    /// does: then [`Self::foreign_await`] tells why it cannot go on. The code is not polled for it, because its result
    /// would be in no history.
    pub fn foreign_wake(&self) -> impl Future<Output = ()> + Send + use<> {
        let wakes = self.wakes.clone();
        async move { std::future::poll_fn(|cx| wakes.poll_foreign(cx)).await }
    }

    /// The code awaits something that is not from its context.
    #[must_use]
    pub fn foreign_await(&self) -> WorkflowTaskError {
        WorkflowTaskError::ForeignAwait {
            workflow_type: self.workflow_type.clone(),
            event_id: self.last_event_id,
        }
    }

    /// ID of the last event that was applied or recorded.
    #[must_use]
    pub fn last_event_id(&self) -> EventId {
        self.last_event_id
    }

    /// How the run ended; `None` while it is open.
    #[must_use]
    pub fn close(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    /// Takes the activities whose inputs this build changes, each type once.
    pub fn take_changed_inputs(&mut self) -> Vec<ChangedInput> {
        std::mem::take(&mut self.changed_inputs)
    }

    /// Whether a scheduled activity has not ended yet.
    pub(crate) fn has_activity_tasks(&self) -> bool {
        self.core.lock().activities.has_tasks()
    }

    /// Commands of the code that are not recorded yet; for tests of workflows.
    #[must_use]
    pub fn pending_commands(&self) -> Vec<Command> {
        self.core.lock().commands.iter().cloned().collect()
    }

    fn deliver(&mut self, event: &HistoryEvent) -> Result<(), WorkflowTaskError> {
        let asked = self.core.lock().commands.next().map(ToString::to_string);
        if let Some(asked) = asked {
            return Err(self.disagreement(Nondeterminism::new(asked, event)));
        }
        if self.close.is_some() {
            return Err(self.broken(format!("{} follows the end of the run", event.event_type())));
        }
        self.core.lock().now = event.time;
        self.dispatch(&event.attributes).map_err(|reason| self.broken(reason))?;
        match event.event_type().role() {
            EventRole::Informational => Ok(()),
            EventRole::Start | EventRole::Command | EventRole::Delivered | EventRole::CloseFromOutside => {
                self.activate()
            }
        }
    }

    fn dispatch(&self, event: &EventAttributes) -> Result<(), String> {
        let mut core = self.core.lock();
        match event {
            EventAttributes::ActivityTaskStarted(_) => Ok(()),
            EventAttributes::ActivityTaskCompleted(completed) => core.activities.completed(completed),
            EventAttributes::ActivityTaskFailed(failed) => core.activities.failed(failed),
            EventAttributes::ActivityTaskTimedOut(timed_out) => core.activities.timed_out(timed_out),
            EventAttributes::ActivityTaskCanceled(canceled) => core.activities.canceled(canceled),
            EventAttributes::TimerFired(fired) => core.timers.fired(fired),
            EventAttributes::WorkflowExecutionCancelRequested(_) => {
                core.request_cancellation();
                Ok(())
            }
            EventAttributes::WorkflowExecutionStarted(_)
            | EventAttributes::WorkflowExecutionCompleted(_)
            | EventAttributes::WorkflowExecutionFailed(_)
            | EventAttributes::WorkflowExecutionTimedOut(_)
            | EventAttributes::WorkflowExecutionCanceled(_)
            | EventAttributes::WorkflowExecutionTerminated(_)
            | EventAttributes::ActivityTaskScheduled(_)
            | EventAttributes::ActivityTaskCancelRequested(_)
            | EventAttributes::TimerStarted(_)
            | EventAttributes::TimerCanceled(_) => {
                Err(format!("{} is not an event that a running workflow receives", event.event_type()))
            }
        }
    }

    fn match_command(&mut self, event: &HistoryEvent) -> Result<(), WorkflowTaskError> {
        let command = self.core.lock().commands.take_next();
        match command {
            Some(command) if command.matches(&event.attributes) => {
                self.compare_input(&command, event)?;
                self.recorded(&command, event);
                Ok(())
            }
            Some(command) => Err(self.disagreement(Nondeterminism::new(command.to_string(), event))),
            None => Err(self.disagreement(Nondeterminism::new("nothing", event))),
        }
    }

    /// Compares the input of an activity with the recorded one.
    ///
    /// One build gives the same input again, unless it takes it from something that is not recorded, such as the order
    /// of a hash map; then the recorded result may be that of another call. Another build may have changed the input
    /// on purpose.
    fn compare_input(&mut self, command: &Command, event: &HistoryEvent) -> Result<(), WorkflowTaskError> {
        let EventAttributes::ActivityTaskScheduled(recorded) = &event.attributes else { return Ok(()) };
        let Some(place) = command.differing_input(recorded) else { return Ok(()) };
        if self.build_id.is_some() && recorded.build_id == self.build_id {
            let asked = format!("{command} with another input, which differs at {place}");
            return Err(self.disagreement(Nondeterminism::of_one_build(asked, event)));
        }
        let activity_type = &recorded.activity_type;
        if !self.changed_inputs.iter().any(|changed| changed.activity_type == *activity_type) {
            self.changed_inputs.push(ChangedInput {
                activity_type: activity_type.clone(),
                place,
                event_id: event.event_id,
                recorded_by: recorded.build_id.clone(),
            });
        }
        Ok(())
    }

    fn recorded(&mut self, command: &Command, event: &HistoryEvent) {
        let mut core = self.core.lock();
        match &event.attributes {
            EventAttributes::ActivityTaskScheduled(_) | EventAttributes::ActivityTaskCancelRequested(_) => {
                core.activities.recorded(command.sequence, event.event_id);
            }
            EventAttributes::TimerStarted(e) => {
                let length_ms = e.start_to_fire_timeout_ms;
                core.timers.started(command.sequence, event.event_id, event.time, length_ms);
            }
            EventAttributes::TimerCanceled(_) => core.timers.canceled(command.sequence),
            EventAttributes::WorkflowExecutionCompleted(e) => {
                self.close = Some(Close::Completed(e.result.clone()));
            }
            EventAttributes::WorkflowExecutionFailed(e) => {
                self.close = Some(Close::Failed(e.failure.clone()));
            }
            EventAttributes::WorkflowExecutionCanceled(_) => self.close = Some(Close::Canceled),
            // No command is recorded as one of these.
            EventAttributes::WorkflowExecutionStarted(_)
            | EventAttributes::WorkflowExecutionTimedOut(_)
            | EventAttributes::WorkflowExecutionCancelRequested(_)
            | EventAttributes::WorkflowExecutionTerminated(_)
            | EventAttributes::ActivityTaskStarted(_)
            | EventAttributes::ActivityTaskCompleted(_)
            | EventAttributes::ActivityTaskFailed(_)
            | EventAttributes::ActivityTaskTimedOut(_)
            | EventAttributes::ActivityTaskCanceled(_)
            | EventAttributes::TimerFired(_) => {}
        }
    }

    fn activate(&mut self) -> Result<(), WorkflowTaskError> {
        match poll_until_idle(&mut self.code, &self.core, &self.wakes) {
            Polled::Waiting => Ok(()),
            Polled::ForeignAwait => Err(self.foreign_await()),
            Polled::Panicked(message) => Err(WorkflowTaskError::Panic {
                workflow_type: self.workflow_type.clone(),
                event_id: self.last_event_id,
                message,
            }),
            Polled::Done(result) => {
                self.finish(result);
                Ok(())
            }
        }
    }

    fn finish(&mut self, result: Result<Payload, WorkflowError>) {
        let mut core = self.core.lock();
        let kind = match result {
            Ok(result) => CommandKind::CompleteWorkflowExecution(WorkflowExecutionCompleted { result }),
            Err(WorkflowError::Canceled) if core.is_cancel_requested() => {
                CommandKind::CancelWorkflowExecution(WorkflowExecutionCanceled {})
            }
            Err(WorkflowError::Canceled) => CommandKind::FailWorkflowExecution(WorkflowExecutionFailed {
                failure: Failure::new(
                    "Canceled",
                    "the workflow returned `Canceled` without a cancel request",
                ),
            }),
            Err(WorkflowError::Failed(failure)) => {
                CommandKind::FailWorkflowExecution(WorkflowExecutionFailed { failure })
            }
        };
        core.commands.give(0, kind);
    }

    fn disagreement(&self, source: Nondeterminism) -> WorkflowTaskError {
        WorkflowTaskError::Nondeterminism { workflow_type: self.workflow_type.clone(), source }
    }

    fn broken(&self, reason: String) -> WorkflowTaskError {
        WorkflowTaskError::History { workflow_type: self.workflow_type.clone(), reason }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("workflow_type", &self.workflow_type)
            .field("last_event_id", &self.last_event_id)
            .field("close", &self.close)
            .finish_non_exhaustive()
    }
}
