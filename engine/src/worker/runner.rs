//! One run at hand: replayed, fed with what happens, its steps committed.
//!
//! | state | left when |
//! | --- | --- |
//! | replaying | the history is applied → working; code and history disagree → the task is given back with the failure |
//! | working | nothing is left to do here → let go; the run ended → closed; a commit is refused → lost |
//! | let go, closed, lost | – |
//!
//! Whatever came in while a step was on its way to the database becomes the next step, and may be on its way
//! before the first has arrived: the writer keeps their order.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{
    attempt::{self, Attempt},
    shared::Shared,
};
use crate::{
    activity::ActivityClose,
    client::WorkflowStatus,
    clock::Timestamp,
    failure::Failure,
    hint::{self, WorkerHint},
    history::{EventAttributes, EventType, HistoryEvent, WorkflowExecutionTerminated},
    ids::EventId,
    machine::{Close, Run, WorkflowTaskError},
    store::{
        self, ACTIVITY_CLOSED, ActivityLease, AfterStep, CANCEL_REQUESTED, ClaimedWorkflowTask, CloseRun,
        FailWorkflowTask, LoadedRun, NewActivityTask, StartedBy, Step, StepOutput, TakenActivity,
    },
    workflow::WorkflowInfo,
};

/// What a runner is told.
pub(super) enum Input {
    /// Messages may lie in the inbox.
    Inbox,
    /// An activity that this worker ran has ended; the answer is whether that was committed.
    ActivityClosed { close: Box<ActivityClose>, lease: ActivityLease, committed: oneshot::Sender<bool> },
    /// The run is no longer this worker's.
    Lost,
}

/// Works on a run until nothing is left to do here.
pub(super) async fn run(
    shared: Arc<Shared>,
    tracker: TaskTracker,
    task: ClaimedWorkflowTask,
    loaded: LoadedRun,
    inputs: mpsc::UnboundedReceiver<Input>,
) {
    let run_id = task.run_id;
    let epoch = task.epoch;
    let attempt = task.attempt;
    let mut runner = Runner::new(shared.clone(), tracker, task, &loaded, inputs);
    if let Err(error) = runner.work(loaded).await {
        fail_task(&shared, &mut runner, attempt, &error).await;
    }
    shared.forget_run(run_id, epoch);
    // A place for another run is free.
    shared.due.notify_one();
}

/// Gives a run back that cannot be worked on, to be tried again after a while.
async fn fail_task(shared: &Shared, runner: &mut Runner, attempt: u32, error: &WorkflowTaskError) {
    let wait = Duration::from_secs(1 << attempt.min(6));
    let visible_at = shared.clock.now() + wait.min(Duration::from_secs(60));
    tracing::error!(
        workflow.id = %runner.execution.workflow_id, run.id = %runner.task.run_id, attempt = attempt + 1,
        "{error}; the workflow task is tried again later"
    );
    let failure = Failure::new(error.kind(), error.to_string());
    let write = FailWorkflowTask {
        run_id: runner.task.run_id,
        owner: shared.worker_id,
        epoch: runner.task.epoch,
        failure: serde_json::to_string(&failure).expect("a failure has a JSON form"),
        visible_at,
    };
    if let Err(error) = shared.store.write(write).await {
        tracing::warn!(%error, "a failed workflow task could not be given back; its lease will end");
    }
    shared.wake_at(visible_at);
}

/// A commit under way.
struct Committing {
    output: BoxFuture<'static, Result<StepOutput, store::Error>>,
    last_event_id: EventId,
    closes_run: bool,
    lets_go: bool,
    answers: Vec<oneshot::Sender<bool>>,
    /// Attempts that may begin only when their start is durable.
    begin: Vec<(Attempt, OwnedSemaphorePermit)>,
    begun: Vec<EventId>,
    cancel: Vec<EventId>,
}

/// The step that is being put together.
#[derive(Default)]
struct Draft {
    events: Vec<HistoryEvent>,
    scheduled: Vec<NewActivityTask>,
    closed: Vec<ActivityLease>,
    cancel_requested: Vec<EventId>,
    answers: Vec<oneshot::Sender<bool>>,
    begin: Vec<(Attempt, OwnedSemaphorePermit)>,
    begin_early: Vec<(Attempt, OwnedSemaphorePermit)>,
}

struct Runner {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    task: ClaimedWorkflowTask,
    execution: crate::client::WorkflowExecution,
    inputs: mpsc::UnboundedReceiver<Input>,
    draft: Draft,
    /// First event of the next step.
    next_event_id: EventId,
    consumed_messages: i64,
    unstarted: bool,
    /// Activities of this run that run in this process.
    local: HashSet<EventId>,
    commits: FuturesOrdered<BoxFuture<'static, Committed>>,
    look_into_inbox: bool,
}

struct Committed {
    result: Result<StepOutput, store::Error>,
    commit: Committing,
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
            unstarted: loaded.execution.started_at.is_none(),
            execution: loaded.execution.clone(),
            shared,
            tracker,
            task,
            inputs,
            draft: Draft::default(),
            consumed_messages: 0,
            local: HashSet::new(),
            commits: FuturesOrdered::new(),
            look_into_inbox: false,
        }
    }

    async fn work(&mut self, loaded: LoadedRun) -> Result<(), WorkflowTaskError> {
        let mut run = self.replay(&loaded.events)?;
        self.record(&mut run);
        for message in loaded.messages {
            self.take_message(&mut run, &message)?;
        }
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
        let watch = Watchdog::begin(&self.shared, &self.execution);
        let mut run = Run::begin(&definition, info, first)?;
        for event in rest {
            run.apply(event)?;
        }
        watch.end();
        Ok(run)
    }

    /// Takes everything that has come in.
    fn drain_inputs(&mut self, run: &mut Run) -> Result<(), WorkflowTaskError> {
        while let Ok(input) = self.inputs.try_recv() {
            self.take_input(run, input)?;
        }
        Ok(())
    }

    fn take_input(&mut self, run: &mut Run, input: Input) -> Result<(), WorkflowTaskError> {
        match input {
            Input::Inbox => self.look_into_inbox = true,
            Input::ActivityClosed { close, lease, committed } => {
                self.local.remove(&lease.scheduled_event_id);
                if run.close().is_some() {
                    // The end of the run has taken the activity with it.
                    let _ = committed.send(true);
                    return Ok(());
                }
                self.draft.closed.push(lease);
                self.draft.answers.push(committed);
                self.close_activity(run, *close)?;
            }
            Input::Lost => {
                // Everything that was not committed is void; the inputs are answered by being dropped.
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
                tracing::warn!(%error, run.id = %self.task.run_id, "an inbox could not be read; it is tried again");
                return Ok(());
            }
        };
        for (_, message) in messages {
            self.take_message(run, &message)?;
        }
        Ok(())
    }

    fn take_message(&mut self, run: &mut Run, message: &store::Message) -> Result<(), WorkflowTaskError> {
        // Messages of a step that is still on its way lie in the inbox until it arrives.
        if message.sequence <= self.consumed_messages || run.close().is_some() {
            return Ok(());
        }
        self.consumed_messages = message.sequence;
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
                self.close_activity(run, close)
            }
            _ => Err(unreadable("the kind is unknown to this version".to_owned())),
        }
    }

    fn fire_timers(&mut self, run: &mut Run) -> Result<(), WorkflowTaskError> {
        while run.close().is_none() {
            let Some(fired) = run.due_timer(self.shared.clock.now()) else { break };
            self.happen(run, fired.into())?;
        }
        Ok(())
    }

    /// Lets an event from outside happen, with all that the code makes of it.
    fn happen(&mut self, run: &mut Run, attributes: EventAttributes) -> Result<(), WorkflowTaskError> {
        if run.close().is_some() {
            return Ok(());
        }
        let event =
            HistoryEvent { event_id: run.last_event_id() + 1, time: self.shared.clock.now(), attributes };
        let watch = Watchdog::begin(&self.shared, &self.execution);
        run.apply(&event)?;
        watch.end();
        self.draft.events.push(event);
        self.record(run);
        Ok(())
    }

    /// Takes what the code asked for into the draft.
    fn record(&mut self, run: &mut Run) {
        for event in run.record_commands(self.shared.clock.now()) {
            match &event.attributes {
                EventAttributes::ActivityTaskScheduled(scheduled) => {
                    let new = self.schedule(event.event_id, event.time, scheduled);
                    self.draft.scheduled.push(new);
                }
                EventAttributes::ActivityTaskCancelRequested(request) => {
                    self.draft.cancel_requested.push(request.scheduled_event_id);
                }
                _ => {}
            }
            self.draft.events.push(event);
        }
    }

    /// Puts an activity on its queue, or right into a free place of this worker.
    fn schedule(
        &mut self,
        event_id: EventId,
        at: Timestamp,
        scheduled: &crate::history::ActivityTaskScheduled,
    ) -> NewActivityTask {
        let mut new = NewActivityTask {
            scheduled_event_id: event_id,
            namespace: self.shared.namespace.to_string(),
            activity_type: scheduled.activity_type.to_string(),
            task_queue: scheduled.task_queue.to_string(),
            priority: self.task.priority,
            scheduled_at: at,
            expires_at: [scheduled.schedule_to_start_timeout_ms, scheduled.schedule_to_close_timeout_ms]
                .into_iter()
                .flatten()
                .min()
                .map(|ms| Timestamp(at.0.saturating_add(ms))),
            taken: None,
        };
        let here = self.shared.serves_activity(scheduled) && !self.shared.draining.is_cancelled();
        let Some(slot) = here.then(|| self.shared.try_slot()).flatten() else { return new };
        new.taken = Some(TakenActivity {
            worker_id: self.shared.worker_id,
            worker_identity: self.shared.options.identity.clone(),
            lease_expires_at: self.shared.lease_end(),
        });
        let attempt = Attempt {
            run_id: self.task.run_id,
            scheduled_event_id: event_id,
            workflow_id: self.execution.workflow_id.clone(),
            workflow_type: self.execution.workflow_type.clone(),
            scheduled: scheduled.clone(),
            scheduled_at: at,
            number: 1,
            checkpoint: None,
            last_failure: None,
            cancel_requested: false,
            durable: false,
        };
        self.local.insert(event_id);
        // At most once means that the start is durable before the code runs; otherwise the code may as well run
        // while the commit is on its way.
        if scheduled.retry_policy.maximum_attempts == 1 {
            self.draft.begin.push((attempt, slot));
        } else {
            self.draft.begin_early.push((attempt, slot));
        }
        new
    }

    /// Sends the draft on its way, when there is anything in it; the answer is when the run wants to go on.
    async fn submit(&mut self, run: &mut Run) -> Option<Timestamp> {
        let next_timer = run.next_timer();
        let after = self.after(run, next_timer);
        let nothing = self.draft.events.is_empty() && self.draft.closed.is_empty();
        if nothing && (matches!(after, AfterStep::Keep) || !self.commits.is_empty() && !self.lets_go(&after))
        {
            return next_timer;
        }
        let draft = std::mem::take(&mut self.draft);
        let expected_event_id = self.next_event_id;
        self.next_event_id = run.last_event_id() + 1;
        let started = std::mem::take(&mut self.unstarted).then(|| StartedBy {
            at: self.shared.clock.now(),
            worker_identity: self.shared.options.identity.clone(),
        });
        let closes_run = matches!(after, AfterStep::Close { .. });
        let lets_go = self.lets_go(&after);
        let begun = draft.begin_early.iter().map(|(attempt, _)| attempt.scheduled_event_id).collect();
        let step = Step {
            run_id: self.task.run_id,
            owner: self.shared.worker_id,
            epoch: self.task.epoch,
            expected_event_id,
            events: draft.events,
            consumed_messages: self.consumed_messages,
            scheduled: draft.scheduled,
            closed: draft.closed,
            cancel_requested: draft.cancel_requested.clone(),
            started,
            after,
        };
        let output: BoxFuture<'static, _> = match self.shared.store.enqueue(step).await {
            Ok(output) => Box::pin(output),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        };
        for (attempt, slot) in draft.begin_early {
            attempt::spawn(&self.shared, &self.tracker, attempt, slot);
        }
        let commit = Committing {
            output,
            last_event_id: run.last_event_id(),
            closes_run,
            lets_go,
            answers: draft.answers,
            begin: draft.begin,
            begun,
            cancel: draft.cancel_requested,
        };
        self.commits.push_back(Box::pin(arrive(commit)));
        next_timer
    }

    fn lets_go(&self, after: &AfterStep) -> bool {
        matches!(after, AfterStep::Release { .. })
    }

    /// What becomes of the workflow task after the draft.
    fn after(&self, run: &Run, next_timer: Option<Timestamp>) -> AfterStep {
        let now = self.shared.clock.now();
        match run.close() {
            Some(Close::Completed(result)) => close("COMPLETED", now, Some(result.as_str().to_owned()), None),
            Some(Close::Failed(failure)) => close("FAILED", now, None, Some(failure)),
            Some(Close::Canceled) => close("CANCELED", now, None, None),
            None if !self.local.is_empty() => AfterStep::Keep,
            None => {
                let soon = now + self.shared.options.sticky_wait_max;
                let draining = self.shared.draining.is_cancelled();
                match next_timer {
                    Some(due) if due <= soon && !draining => AfterStep::Keep,
                    due => AfterStep::Release { visible_at: due.unwrap_or(Timestamp::NEVER) },
                }
            }
        }
    }

    /// Waits for whatever happens next.
    async fn wait(&mut self, run: &mut Run, timer: Option<Timestamp>) -> Result<Next, WorkflowTaskError> {
        let draining = self.shared.draining.clone();
        let drain = async {
            if draining.is_cancelled() {
                std::future::pending::<()>().await;
            }
            draining.cancelled().await;
        };
        let timer = async {
            match timer {
                Some(due) => self.shared.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(committed) = next_commit(&mut self.commits) => return self.on_committed(run, committed),
            input = self.inputs.recv() => match input {
                Some(input) => self.take_input(run, input)?,
                // Lost: what was on its way may still arrive, and is answered then.
                None => return Ok(self.abandon().await),
            },
            () = timer => {}
            () = drain => {}
        }
        Ok(Next::Continue)
    }

    fn on_committed(&mut self, run: &Run, committed: Committed) -> Result<Next, WorkflowTaskError> {
        let Committed { result, commit } = committed;
        match result {
            Ok(StepOutput::Committed) => {}
            Ok(StepOutput::Stale) => {
                tracing::debug!(run.id = %self.task.run_id, "the run has passed to another worker");
                self.forsake(commit);
                return Ok(Next::Finished);
            }
            Err(error) => {
                tracing::warn!(
                    run.id = %self.task.run_id, error = &error as &dyn std::error::Error,
                    "a step could not be committed; the run is taken up anew"
                );
                self.forsake(commit);
                return Ok(Next::Finished);
            }
        }
        for answer in commit.answers {
            // An attempt that was lost meanwhile does not wait for the answer.
            let _ = answer.send(true);
        }
        self.begin_committed(commit.begin, &commit.begun);
        for event_id in &commit.cancel {
            if let Some(attempt) = self.shared.attempts().get(&(self.task.run_id, *event_id)) {
                attempt.canceled.cancel();
            }
        }
        hint::publish_history(&*self.shared.bus, self.task.run_id, commit.last_event_id);
        if commit.closes_run {
            super::poller::stop_attempts(&self.shared, self.task.run_id);
            return Ok(Next::Finished);
        }
        if commit.lets_go {
            if let Some(due) = run.next_timer() {
                self.shared.wake_at(due);
            }
            // A message that came meanwhile has made the run due at once.
            self.shared.due.notify_one();
            return Ok(Next::Finished);
        }
        if run.last_event_id() > self.shared.options.history_events_max {
            self.terminate_oversized(run.last_event_id());
            return Ok(Next::Finished);
        }
        Ok(Next::Continue)
    }

    /// The start of these attempts is durable now.
    fn begin_committed(&self, begin: Vec<(Attempt, OwnedSemaphorePermit)>, begun: &[EventId]) {
        for (mut attempt, slot) in begin {
            attempt.durable = true;
            attempt::spawn(&self.shared, &self.tracker, attempt, slot);
        }
        let now = self.shared.clock.now();
        let mut attempts = self.shared.attempts();
        for event_id in begun {
            if let Some(attempt) = attempts.get_mut(&(self.task.run_id, *event_id)) {
                attempt.durable_since = Some(now);
            }
        }
    }

    /// A commit was refused: attempts that began before it was decided have no row, and never had.
    fn forsake(&mut self, commit: Committing) {
        for event_id in commit.begun {
            if let Some(attempt) = self.shared.attempts().get(&(self.task.run_id, event_id)) {
                attempt.lost.cancel();
            }
        }
        self.inputs.close();
    }

    async fn abandon(&mut self) -> Next {
        while let Some(committed) = next_commit(&mut self.commits).await {
            let accepted = matches!(committed.result, Ok(StepOutput::Committed));
            for answer in committed.commit.answers {
                let _ = answer.send(accepted);
            }
        }
        Next::Finished
    }

    fn terminate_oversized(&self, events: EventId) {
        let (shared, run_id) = (self.shared.clone(), self.task.run_id);
        let limit = shared.options.history_events_max;
        let reason = format!("the history has {events} events, at most {limit} are allowed");
        tracing::error!(run.id = %run_id, "{reason}; the run is terminated");
        self.tracker.spawn(async move {
            let failure = Failure::new("HistoryLimitExceeded", reason.clone());
            let close = CloseRun {
                run_id,
                status: WorkflowStatus::Terminated.as_str(),
                event: WorkflowExecutionTerminated { reason: Some(reason), identity: None }.into(),
                failure: serde_json::to_string(&failure).ok(),
                now: shared.clock.now(),
            };
            if let Err(error) = shared.store.write(close).await {
                tracing::error!(%error, run.id = %run_id, "an oversized run could not be terminated");
            }
            hint::publish_worker(&*shared.bus, shared.worker_id, &WorkerHint::Closed(run_id));
        });
    }
}

fn close(
    status: &'static str,
    at: Timestamp,
    result: Option<String>,
    failure: Option<&Failure>,
) -> AfterStep {
    let failure = failure.map(|failure| serde_json::to_string(failure).expect("a failure has a JSON form"));
    AfterStep::Close { status, at, result, failure }
}

async fn arrive(mut commit: Committing) -> Committed {
    let output = std::mem::replace(&mut commit.output, Box::pin(std::future::pending()));
    Committed { result: output.await, commit }
}

/// The next commit that arrives; `None` at once when none is under way.
async fn next_commit(commits: &mut FuturesOrdered<BoxFuture<'static, Committed>>) -> Option<Committed> {
    commits.next().await
}

/// Reports code that does not come to a wait.
struct Watchdog {
    begun: std::time::Instant,
    limit: Duration,
    workflow_type: String,
}

impl Watchdog {
    fn begin(shared: &Shared, execution: &crate::client::WorkflowExecution) -> Self {
        Self {
            begun: std::time::Instant::now(),
            limit: shared.options.deadlock_timeout,
            workflow_type: execution.workflow_type.to_string(),
        }
    }

    fn end(self) {
        let took = self.begun.elapsed();
        if took > self.limit {
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::error!(
                workflow.r#type = self.workflow_type,
                duration_ms,
                "workflow `{}` blocked its worker for {duration_ms} ms; long work belongs into an activity",
                self.workflow_type
            );
        }
    }
}
