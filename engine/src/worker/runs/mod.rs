//! One run in memory: it is replayed, events are applied to it, and its steps are committed.
//!
//! | state | left when |
//! | --- | --- |
//! | replaying | the history is applied → working; code and history do not match → the task is released with the failure |
//! | working | nothing is left to do here → released; the run ended → closed; a commit is refused → lost |
//! | released, closed, lost | – |
//!
//! Inputs that arrive while a step is being committed become the next step, which may be sent to the writer before the
//! first is committed: the writer keeps their order.

#![warn(clippy::wildcard_enum_match_arm, reason = "a new event or command must be decided at each place")]

mod commits;
mod draft;

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::shared::{Input, Shared};
use crate::{
    activity::ActivityClose,
    chain,
    client::Acceptance,
    clock::Timestamp,
    failure::Failure,
    history::{EventAttributes, EventType, HistoryEvent},
    ids::EventId,
    log::{self, Retry, outage::Duty},
    machine::{Run, WorkflowTaskError},
    store::{
        self, ACTIVITY_CLOSED, CANCEL_REQUESTED, ClaimedWorkflowTask, FailWorkflowTask, LoadedRun, TaskKind,
    },
    workflow::WorkflowInfo,
};
use commits::Committed;
use draft::Draft;

/// In the log lines of an outage.
const READ_INBOX: Duty = Duty::single("reading the messages of a run");
/// Number of events after which a step is committed, even if more could be added.
const STEP_EVENTS_MAX: usize = 1_000;
/// Maximum delay before a failed workflow task is retried.
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Processes a run until nothing is left to do here.
pub(super) async fn run(
    shared: Arc<Shared>,
    tracker: TaskTracker,
    task: ClaimedWorkflowTask,
    loaded: LoadedRun,
    acceptance: Option<Acceptance>,
    inputs: mpsc::UnboundedReceiver<Input>,
) {
    let run_id = task.run_id;
    let epoch = task.epoch;
    let span = span(&loaded.execution);
    work(&shared, tracker, task, loaded, acceptance, inputs).instrument(span).await;
    shared.forget_run(run_id, epoch);
    shared.due.place_is_free(TaskKind::Workflow);
}

/// Gives the log lines of a run its identity, also those of its workflow code.
fn span(execution: &crate::model::WorkflowExecution) -> tracing::Span {
    tracing::info_span!(
        "run",
        namespace = execution.namespace.as_str(),
        workflow.id = execution.workflow_id.as_str(),
        run.id = %execution.run_id,
        workflow.r#type = execution.workflow_type.as_str(),
        task_queue = execution.task_queue.as_str(),
    )
}

async fn work(
    shared: &Arc<Shared>,
    tracker: TaskTracker,
    task: ClaimedWorkflowTask,
    loaded: LoadedRun,
    acceptance: Option<Acceptance>,
    inputs: mpsc::UnboundedReceiver<Input>,
) {
    let mut runner = Runner::new(shared.clone(), tracker, task, &loaded, inputs);
    runner.acceptance = acceptance;
    if let Err(error) = runner.work(loaded).await {
        // A run whose code cannot begin is accepted all the same, and waits for code that can.
        runner.accept();
        runner.abandon().await;
        fail_task(shared, &mut runner, &error).await;
    }
}

/// The write that releases a run that cannot be processed, to be retried after a delay.
pub(super) fn given_back(shared: &Shared, task: &ClaimedWorkflowTask, failure: &Failure) -> FailWorkflowTask {
    let wait = Duration::from_secs(1 << task.attempt.min(6)).min(RETRY_INTERVAL_MAX);
    let visible_at = shared.clock.now() + wait;
    shared.look_at(visible_at, TaskKind::Workflow);
    FailWorkflowTask {
        run_id: task.run_id,
        owner: shared.worker_id,
        epoch: task.epoch,
        failure: serde_json::to_string(failure).expect("a failure has a JSON form"),
        visible_at,
    }
}

async fn fail_task(shared: &Shared, runner: &mut Runner, error: &WorkflowTaskError) {
    let failure = Failure::new(error.kind(), error.to_string());
    let write = given_back(shared, &runner.task, &failure);
    let retry = Retry { at: write.visible_at, now: shared.clock.now() };
    match shared.store.write(write).await {
        Ok(true) => log::run_blocked(&runner.execution, &failure, runner.task.attempt + 1, retry),
        // A run that was closed while it was loaded has a history that seems not to match.
        Ok(false) => tracing::debug!(error = %chain(error), "another worker now holds the run's lease"),
        Err(failed) => {
            log::run_blocked(&runner.execution, &failure, runner.task.attempt + 1, retry);
            tracing::warn!(
                error = %chain(&failed),
                "the failure of a workflow task could not be stored; this worker releases the task after renewing its leases twice"
            );
        }
    }
}

struct Runner {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    task: ClaimedWorkflowTask,
    execution: crate::model::WorkflowExecution,
    inputs: mpsc::UnboundedReceiver<Input>,
    /// The start of a run that begins here, until it is queued with the first step.
    acceptance: Option<Acceptance>,
    draft: Draft,
    /// ID of the first event of the next step.
    next_event_id: EventId,
    /// Size of the history including the draft.
    history_size_bytes: usize,
    /// Which limit the history would exceed, if it would.
    excess: Option<String>,
    consumed_messages: i64,
    unstarted: bool,
    /// Activities of this run in this process.
    local: HashSet<EventId>,
    commits: FuturesOrdered<BoxFuture<'static, Committed>>,
    look_into_inbox: bool,
    /// The last step of this runner is being committed: later inputs are for the next worker that holds the run.
    leaving: bool,
}

enum Next {
    Continue,
    Finished,
}

impl Runner {
    fn new(
        shared: Arc<Shared>,
        tracker: TaskTracker,
        task: ClaimedWorkflowTask,
        loaded: &LoadedRun,
        inputs: mpsc::UnboundedReceiver<Input>,
    ) -> Self {
        Self {
            next_event_id: task.next_event_id,
            history_size_bytes: loaded.history_size_bytes,
            excess: None,
            unstarted: loaded.execution.started_at.is_none(),
            execution: loaded.execution.clone(),
            shared,
            tracker,
            task,
            inputs,
            acceptance: None,
            draft: Draft::default(),
            consumed_messages: 0,
            local: HashSet::new(),
            commits: FuturesOrdered::new(),
            look_into_inbox: false,
            leaving: false,
        }
    }

    async fn work(&mut self, loaded: LoadedRun) -> Result<(), WorkflowTaskError> {
        let LoadedRun { events, messages, .. } = loaded;
        let mut run = self.replay(&events)?;
        // The run may stay in memory for long; its decoded history must not.
        drop(events);
        self.record(&mut run);
        self.take_messages(&mut run, messages)?;
        // All messages that were in the inbox when the run was claimed have been taken: a run that was read without
        // some of them does not come here.
        self.consumed_messages = self.consumed_messages.max(self.task.inbox_sequence);
        loop {
            self.drain_inputs(&mut run)?;
            if self.look_into_inbox {
                self.read_inbox(&mut run).await?;
            }
            self.fire_timers(&mut run)?;
            let waits = self.submit(&mut run).await;
            if let Next::Finished = self.wait(&mut run, waits).await? {
                return Ok(());
            }
        }
    }

    fn replay(&self, events: &[HistoryEvent]) -> Result<Run, WorkflowTaskError> {
        let workflow_type = self.execution.workflow_type.clone();
        let history =
            |reason: String| WorkflowTaskError::History { workflow_type: workflow_type.clone(), reason };
        let definition = self
            .shared
            .registry
            .find_workflow(&workflow_type)
            .ok_or_else(|| history("its type is not registered with this worker".to_owned()))?;
        let (first, rest) = events.split_first().ok_or_else(|| history("it has no events".to_owned()))?;
        let last = events.last().map_or(0, |event| event.event_id);
        if last + 1 != self.task.next_event_id {
            let expected = self.task.next_event_id - 1;
            return Err(history(format!("its last event is {last}, but event {expected} was committed")));
        }
        let info = WorkflowInfo {
            namespace: self.execution.namespace.clone(),
            workflow_id: self.execution.workflow_id.clone(),
            run_id: self.task.run_id,
            workflow_type: workflow_type.clone(),
            task_queue: self.execution.task_queue.clone(),
        };
        let activation = self.shared.watchdog.begin(&workflow_type);
        let mut run = Run::begin(&definition, info, self.shared.build_id(), first)?;
        for event in rest {
            run.apply(event)?;
        }
        run.end_replay()?;
        drop(activation);
        for changed in run.take_changed_inputs() {
            if self.shared.is_first_change(&workflow_type, &changed.activity_type) {
                log::input_changed(&self.execution, &changed, &self.shared.options.build_id);
            }
        }
        Ok(run)
    }

    /// Takes all inputs that have arrived.
    fn drain_inputs(&mut self, run: &mut Run) -> Result<(), WorkflowTaskError> {
        while let Ok(input) = self.inputs.try_recv() {
            self.take_input(run, input)?;
        }
        Ok(())
    }

    fn take_input(&mut self, run: &mut Run, input: Input) -> Result<(), WorkflowTaskError> {
        match input {
            Input::Inbox(last) => self.look_into_inbox |= last > self.consumed_messages,
            Input::AttemptEnded(event_id) => {
                self.local.remove(&event_id);
            }
            Input::ActivityClosed { close, lease, committed } => {
                self.local.remove(&lease.scheduled_event_id);
                if run.close().is_some() {
                    // Without a reply the attempt reports to the database, which decides.
                    return Ok(());
                }
                self.draft.closed.push(lease);
                self.draft.answers.push(committed);
                self.close_activity(run, *close)?;
            }
            Input::Lost => {
                // Everything that was not committed is void; dropping the inputs replies to them.
                self.inputs.close();
            }
        }
        Ok(())
    }

    fn close_activity(&mut self, run: &mut Run, close: ActivityClose) -> Result<(), WorkflowTaskError> {
        for attributes in close.into_events(run.last_event_id() + 1) {
            self.happen(run, attributes)?;
        }
        Ok(())
    }

    async fn read_inbox(&mut self, run: &mut Run) -> Result<(), WorkflowTaskError> {
        self.look_into_inbox = false;
        let messages = match self.shared.store.inboxes(&[self.task.run_id]).await {
            Ok(messages) => messages,
            Err(error) => {
                self.shared.store.failed_meanwhile(READ_INBOX, &error, self.shared.clock.now());
                return Ok(());
            }
        };
        self.take_messages(run, messages.into_iter().map(|(_, message)| message).collect())
    }

    fn take_messages(
        &mut self,
        run: &mut Run,
        mut messages: Vec<store::Message>,
    ) -> Result<(), WorkflowTaskError> {
        // A run that has ended without them does not see them: the commit of its end is refused because of them, and
        // the next worker that holds the run processes them first.
        if run.close().is_some() {
            return Ok(());
        }
        // Messages of a step that is still being committed are in the inbox until it is committed.
        messages.retain(|message| message.sequence > self.consumed_messages);
        // A cancel request comes first. Messages after one that ends the run are void; a cancel request must not be,
        // because its sender was told that the run will receive it.
        messages.sort_by_key(|message| (message.kind != CANCEL_REQUESTED, message.sequence));
        let last = messages.iter().map(|message| message.sequence).max();
        for message in &messages {
            self.take_message(run, message)?;
        }
        self.consumed_messages = last.unwrap_or(self.consumed_messages);
        Ok(())
    }

    fn take_message(&mut self, run: &mut Run, message: &store::Message) -> Result<(), WorkflowTaskError> {
        let unreadable = |error: String| WorkflowTaskError::History {
            workflow_type: self.execution.workflow_type.clone(),
            reason: format!(
                "message {} of kind `{}` cannot be read: {error}",
                message.sequence, message.kind
            ),
        };
        match message.kind.as_str() {
            CANCEL_REQUESTED => {
                let event =
                    EventAttributes::from_json(EventType::WorkflowExecutionCancelRequested, &message.body)
                        .map_err(|error| unreadable(error.to_string()))?;
                self.happen(run, event)
            }
            ACTIVITY_CLOSED => {
                let close: ActivityClose =
                    serde_json::from_str(&message.body).map_err(|error| unreadable(error.to_string()))?;
                self.local.remove(&close.scheduled_event_id);
                self.close_activity(run, close)
            }
            _ => Err(unreadable("the kind is unknown to this version".to_owned())),
        }
    }

    fn fire_timers(&mut self, run: &mut Run) -> Result<(), WorkflowTaskError> {
        while run.close().is_none() && self.draft.events.len() < STEP_EVENTS_MAX {
            let Some(fired) = run.due_timer(self.shared.clock.now()) else { break };
            self.happen(run, fired.into())?;
        }
        Ok(())
    }

    /// Applies an event from outside and records the commands that follow.
    fn happen(&mut self, run: &mut Run, attributes: EventAttributes) -> Result<(), WorkflowTaskError> {
        if run.close().is_some() {
            return Ok(());
        }
        let event =
            HistoryEvent { event_id: run.last_event_id() + 1, time: self.shared.clock.now(), attributes };
        let activation = self.shared.watchdog.begin(&self.execution.workflow_type);
        run.apply(&event)?;
        drop(activation);
        self.append(&event);
        self.record(run);
        Ok(())
    }

    /// Waits for the next input, commit or timer.
    async fn wait(&mut self, run: &mut Run, timer: Option<Timestamp>) -> Result<Next, WorkflowTaskError> {
        if self.leaving {
            return Ok(match self.next_commit().await {
                Some(committed) => self.on_committed(committed).await,
                None => {
                    if let Some(excess) = self.excess.take() {
                        self.terminate(excess);
                    }
                    Next::Finished
                }
            });
        }
        let draining = self.shared.draining.clone();
        let drain = async {
            if draining.is_cancelled() {
                std::future::pending::<()>().await;
            }
            draining.cancelled().await;
        };
        let clock = self.shared.clock.clone();
        let timer = async {
            match timer {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(committed) = self.commits.next() => return Ok(self.on_committed(committed).await),
            input = self.inputs.recv() => match input {
                Some(input) => self.take_input(run, input)?,
                None => return Ok(self.abandon().await),
            },
            () = run.foreign_wake() => return Err(run.foreign_await()),
            () = timer => {}
            () = drain => {}
        }
        Ok(Next::Continue)
    }
}
