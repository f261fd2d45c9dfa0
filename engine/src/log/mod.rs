//! The log lines that tell an operator what failed: runs, activities, workers, queues. `docs/LOGGING.md` lists them.
//!
//! Each line reads well alone and has its values as fields too, so it names no span as its parent. Texts of failures
//! come from workflow and activity code: they are cut to one bounded line, and details and payloads are never logged.

pub(crate) mod clocks;
pub(crate) mod outage;

use std::time::Duration;

use crate::{
    client::WorkflowExecution,
    clock::{Timestamp, millis},
    failure::Failure,
    history::{ActivityTaskScheduled, RetryState},
    ids::{Namespace, RunId, TaskQueue, WorkerId, WorkflowId, WorkflowType},
    machine::ChangedInput,
    store::TaskKind,
};

/// Maximum length of a text that comes from workflow or activity code.
const TEXT_BYTES_MAX: usize = 500;

/// The run that an activity belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunOf<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) workflow_id: &'a WorkflowId,
    pub(crate) workflow_type: &'a WorkflowType,
    pub(crate) run_id: RunId,
}

impl<'a> From<&'a WorkflowExecution> for RunOf<'a> {
    fn from(execution: &'a WorkflowExecution) -> Self {
        Self {
            namespace: &execution.namespace,
            workflow_id: &execution.workflow_id,
            workflow_type: &execution.workflow_type,
            run_id: execution.run_id,
        }
    }
}

/// An attempt of an activity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptOf<'a> {
    pub(crate) run: RunOf<'a>,
    pub(crate) scheduled: &'a ActivityTaskScheduled,
    pub(crate) attempt: u32,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AfterAttempt {
    /// Another attempt, which a worker may start at this time.
    Retry { at: Timestamp },
    /// The activity has failed.
    Closed(RetryState),
}

/// Writes a line with the fields of a run.
macro_rules! of_run {
    ($level:ident, $run:expr, $task_queue:expr, $($rest:tt)*) => {{
        let run: RunOf<'_> = $run;
        tracing::$level!(
            parent: None,
            namespace = run.namespace.as_str(),
            workflow.id = run.workflow_id.as_str(),
            run.id = %run.run_id,
            workflow.r#type = run.workflow_type.as_str(),
            task_queue = $task_queue.as_str(),
            $($rest)*
        );
    }};
}

/// Writes a warning with the fields of an attempt.
macro_rules! of_attempt {
    ($attempt:expr, $($rest:tt)*) => {{
        let attempt: AttemptOf<'_> = $attempt;
        of_run!(
            warn,
            attempt.run,
            attempt.scheduled.task_queue,
            activity.id = attempt.scheduled.activity_id.as_str(),
            activity.r#type = attempt.scheduled.activity_type.as_str(),
            attempt = attempt.attempt,
            $($rest)*
        );
    }};
}

/// A run ended as failed.
pub(crate) fn run_failed(execution: &WorkflowExecution, failure: &Failure) {
    let text = excerpt(failure);
    of_run!(
        warn,
        execution.into(),
        execution.task_queue,
        failure.r#type = one_line(&failure.kind),
        "run of workflow `{}` failed: {text}",
        execution.workflow_id
    );
}

/// A run was closed by its execution timeout.
pub(crate) fn run_timed_out(run: RunOf<'_>, task_queue: &TaskQueue, timeout: Duration) {
    of_run!(
        warn,
        run,
        task_queue,
        timeout_ms = millis(timeout),
        "run of workflow `{}` exceeded its execution timeout of {} s",
        run.workflow_id,
        timeout.as_secs_f64()
    );
}

/// A run was terminated because its history is at its limit.
pub(crate) fn run_over_limit(execution: &WorkflowExecution, reason: &str) {
    of_run!(
        error,
        execution.into(),
        execution.task_queue,
        "run of workflow `{}` was terminated: {reason}",
        execution.workflow_id
    );
}

/// A worker could not process a workflow task, which blocks the run.
pub(crate) fn run_blocked(execution: &WorkflowExecution, failure: &Failure, attempt: u32, retry: Retry) {
    let text = excerpt(failure);
    of_run!(
        error,
        execution.into(),
        execution.task_queue,
        attempt,
        failure.r#type = one_line(&failure.kind),
        retry_at = %retry.at,
        retry_in_ms = retry.in_ms(),
        "run of workflow `{}` is blocked (attempt {attempt}): {text}; retried in {}",
        execution.workflow_id,
        retry.words()
    );
}

/// The code of a run now schedules an activity with another input than an earlier build did.
pub(crate) fn input_changed(execution: &WorkflowExecution, changed: &ChangedInput, build_id: &str) {
    let ChangedInput { activity_type, place, event_id, recorded_by } = changed;
    let recorded_by = recorded_by.as_deref().unwrap_or("unknown");
    of_run!(
        warn,
        execution.into(),
        execution.task_queue,
        activity.r#type = activity_type.as_str(),
        event_id,
        build_id,
        recorded_by,
        "build `{build_id}` schedules activity `{activity_type}` with another input than event {event_id}, which differs \
         at {place} and was recorded by build `{recorded_by}`; the recorded input and result count"
    );
}

/// An attempt of an activity failed or timed out.
pub(crate) fn attempt_failed(attempt: AttemptOf<'_>, failure: &Failure, after: AfterAttempt, now: Timestamp) {
    let text = excerpt(failure);
    let (kind, number) = (&attempt.scheduled.activity_type, attempt.attempt);
    match after {
        AfterAttempt::Retry { at } => {
            let retry = Retry { at, now };
            of_attempt!(
                attempt,
                failure.r#type = one_line(&failure.kind),
                retry_at = %at,
                retry_in_ms = retry.in_ms(),
                "activity `{kind}` failed (attempt {number}): {text}; retried as attempt {} in {}",
                number.saturating_add(1),
                retry.words()
            );
        }
        AfterAttempt::Closed(state) => of_attempt!(
            attempt,
            failure.r#type = one_line(&failure.kind),
            retry_state = state.as_str(),
            "activity `{kind}` failed (attempt {number}): {text}; not retried: {}",
            why_not(state)
        ),
    }
}

/// An activity waited too long for a worker.
pub(crate) fn attempt_not_taken(attempt: AttemptOf<'_>, failure: &Failure) {
    let text = excerpt(failure);
    of_attempt!(
        attempt,
        failure.r#type = one_line(&failure.kind),
        "activity `{}` found no worker (attempt {}): {text}; not retried",
        attempt.scheduled.activity_type,
        attempt.attempt
    );
}

/// A worker was lost while it ran an activity.
pub(crate) fn attempt_lost(attempt: AttemptOf<'_>, worker_identity: &str, after: Option<RetryState>) {
    let (kind, number) = (&attempt.scheduled.activity_type, attempt.attempt);
    let worker = one_line(worker_identity);
    match after {
        None => of_attempt!(
            attempt,
            worker.identity = worker,
            "worker `{worker}` lost activity `{kind}` (attempt {number}); retried as attempt {} at once",
            number.saturating_add(1)
        ),
        Some(state) => of_attempt!(
            attempt,
            worker.identity = worker,
            retry_state = state.as_str(),
            "worker `{worker}` lost activity `{kind}` (attempt {number}); not retried: {}",
            why_not(state)
        ),
    }
}

/// A worker stopped renewing its leases, and what it held was taken from it.
pub(crate) fn worker_lost(
    namespace: &Namespace,
    worker_id: WorkerId,
    identity: Option<&str>,
    runs: usize,
    activities: usize,
) {
    let worker = identity.map_or_else(|| worker_id.to_string(), one_line);
    tracing::warn!(
        parent: None,
        namespace = namespace.as_str(),
        worker.id = %worker_id,
        worker.identity = worker,
        runs,
        activities,
        "worker `{worker}` was lost; it held {} and {}, which other workers take over",
        counted(runs, "run", "runs"),
        counted(activities, "activity", "activities")
    );
}

/// What a worker found when it went on after it had stood still.
pub(crate) struct Standing<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) worker_id: WorkerId,
    pub(crate) identity: &'a str,
    pub(crate) lasted: Duration,
    /// How many runs it lost.
    pub(crate) runs: usize,
    /// How many attempts of activities it lost.
    pub(crate) attempts: usize,
    /// Some of them.
    pub(crate) named_runs: Vec<LostRun>,
    /// Some of them.
    pub(crate) named_attempts: Vec<LostAttempt<'a>>,
}

/// A run that a worker has lost.
pub(crate) struct LostRun {
    pub(crate) run_id: RunId,
    /// Workflow ID.
    pub(crate) workflow: String,
}

/// An attempt that a worker has lost.
pub(crate) struct LostAttempt<'a> {
    /// Workflow ID.
    pub(crate) workflow: String,
    pub(crate) activity_type: &'a str,
    pub(crate) number: u32,
}

/// The process of a worker stood still for longer than leases may wait.
pub(crate) fn worker_stood_still(standing: &Standing<'_>) {
    let Standing { namespace, worker_id, identity, lasted, runs, attempts, .. } = standing;
    let worker = one_line(identity);
    let run = |run: &LostRun| format!("`{}` ({})", one_line(&run.workflow), run.run_id);
    let attempt = |lost: &LostAttempt<'_>| {
        format!("`{}` of `{}` (attempt {})", lost.activity_type, one_line(&lost.workflow), lost.number)
    };
    let named_runs = named(&standing.named_runs.iter().map(run).collect::<Vec<_>>(), *runs);
    let named_attempts = named(&standing.named_attempts.iter().map(attempt).collect::<Vec<_>>(), *attempts);
    let then = match (*runs, *attempts) {
        (0, 0) => "it lost nothing".to_owned(),
        (runs, attempts) => format!(
            "it lost {}{named_runs} and {}{named_attempts}; whoever claims them goes on with them, unless they were \
             closed meanwhile, and what this worker did for them since is dropped",
            counted(runs, "run", "runs"),
            counted(attempts, "attempt", "attempts"),
        ),
    };
    tracing::warn!(
        parent: None,
        namespace = namespace.as_str(),
        worker.id = %worker_id,
        worker.identity = worker,
        runs,
        activities = attempts,
        duration_ms = millis(*lasted),
        "worker `{worker}` stood still for about {} s, as when its process is stopped or its machine suspended: {then}",
        lasted.as_secs()
    );
}

/// Names for the end of a part of a message, and how many more there are.
fn named(names: &[String], count: usize) -> String {
    let more = match count - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) }
}

/// A worker has not renewed its leases for a while.
pub(crate) fn worker_unseen(
    namespace: &Namespace,
    worker_id: WorkerId,
    identity: &str,
    unseen_for: Duration,
) {
    let worker = one_line(identity);
    tracing::warn!(
        parent: None,
        namespace = namespace.as_str(),
        worker.id = %worker_id,
        worker.identity = worker,
        unseen_ms = millis(unseen_for),
        "worker `{worker}` was lost; it was last seen {} s ago",
        unseen_for.as_secs()
    );
}

/// Tasks of a type wait on a queue, and no live worker can take them.
pub(crate) fn tasks_unserved(
    namespace: &Namespace,
    tasks: &crate::store::WaitingTasks,
    waited: Duration,
    queue_workers: usize,
) {
    let crate::store::WaitingTasks { task_queue, kind, task_type, count, .. } = tasks;
    let (one, many, kind_name) = words_of(*kind);
    let remedy = if queue_workers == 0 {
        format!("no worker serves the queue; start one with `--queues {task_queue}`")
    } else {
        let workers = counted(queue_workers, "worker", "workers");
        format!("the queue has {workers}, but none knows the type; start one of a version that does")
    };
    tracing::warn!(
        parent: None,
        namespace = namespace.as_str(),
        task_queue = task_queue.as_str(),
        kind = kind_name,
        r#type = task_type.as_str(),
        waiting = count,
        waited_ms = millis(waited),
        workers = queue_workers,
        "{} of type `{task_type}` on task queue `{task_queue}` cannot be taken, the oldest for {} s: {remedy}",
        counted(usize::try_from(*count).unwrap_or(0), one, many),
        waited.as_secs()
    );
}

/// A worker can take tasks that were reported by [`tasks_unserved`].
pub(crate) fn tasks_served_again(namespace: &Namespace, task_queue: &str, kind: TaskKind, task_type: &str) {
    let (_, many, kind_name) = words_of(kind);
    tracing::info!(
        parent: None,
        namespace = namespace.as_str(),
        task_queue,
        kind = kind_name,
        r#type = task_type,
        "task queue `{task_queue}` is served again for {many} of type `{task_type}`"
    );
}

/// Singular, plural and name of a kind.
fn words_of(kind: TaskKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        TaskKind::Workflow => ("run", "runs", "workflow"),
        TaskKind::Activity => ("activity", "activities", "activity"),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// When something is retried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
}

impl Retry {
    fn in_ms(self) -> i64 {
        self.at.0.saturating_sub(self.now.0).max(0)
    }

    fn words(self) -> String {
        let tenths = self.in_ms().saturating_add(50) / 100;
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}

fn why_not(state: RetryState) -> &'static str {
    match state {
        RetryState::NonRetryableFailure => "the failure is not retryable",
        RetryState::MaximumAttemptsReached => "the maximum number of attempts is reached",
        RetryState::Timeout => "a timeout leaves no time for another attempt",
        RetryState::CancelRequested => "its cancellation is requested",
    }
}

/// Type and message of a failure.
fn excerpt(failure: &Failure) -> String {
    one_line(&format!("{}: {}", failure.kind, failure.message))
}

/// A text from outside as one bounded line: control characters could forge a second log line.
fn one_line(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    let mut line = String::with_capacity(end);
    for part in text[..end].split(|c: char| c.is_whitespace() || c.is_control()) {
        if !line.is_empty() && !part.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    if end < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests;
