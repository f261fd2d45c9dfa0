//! What callers see: views of the stored rows, and the requests that they make.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    failure::Failure,
    history::HistoryEvent,
    ids::{ActivityType, EventId, Namespace, RunId, TaskQueue, WorkerId, WorkflowId, WorkflowType},
    payload::Payload,
};

/// Who asks, and what they may see. Every call takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Subject of the token.
    pub subject: String,
    /// Which runs exist for them.
    pub visibility: Visibility,
}

/// Which runs exist for a caller. What is outside answers like what was never there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All of the namespace.
    All,
    /// Those that the caller started.
    Own,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkflowStatus {
    /// Accepted, no task started.
    Pending,
    /// In progress.
    Running,
    /// In progress, and asked to stop.
    Canceling,
    /// Returned.
    Completed,
    /// Raised an error.
    Failed,
    /// Stopped because it was asked to.
    Canceled,
    /// Stopped from outside.
    Terminated,
    /// Ran out of time.
    TimedOut,
    /// Went on as a new run.
    ContinuedAsNew,
}

impl WorkflowStatus {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Running,
        Self::Canceling,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::TimedOut,
        Self::ContinuedAsNew,
    ];

    /// The name as stored and shown: `TIMED_OUT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Canceling => "CANCELING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Terminated => "TERMINATED",
            Self::TimedOut => "TIMED_OUT",
            Self::ContinuedAsNew => "CONTINUED_AS_NEW",
        }
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Canceling)
    }
}

/// One run, as its row says.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowExecution {
    /// The run.
    pub run_id: RunId,
    /// Its namespace.
    pub namespace: Namespace,
    /// The caller's name for it.
    pub workflow_id: WorkflowId,
    /// The code.
    pub workflow_type: WorkflowType,
    /// Where its tasks go.
    pub task_queue: TaskQueue,
    /// Higher first.
    pub priority: i32,
    /// State.
    pub status: WorkflowStatus,
    /// Subject of the token that started it.
    pub owner: Option<String>,
    /// What it was started with.
    pub input: Payload,
    /// What it returned.
    pub result: Option<Payload>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Free notes; a JSON object.
    pub memo: Payload,
    /// Named values for search; a JSON object.
    pub search_attributes: Payload,
    /// Accepted.
    pub created_at: Timestamp,
    /// Not handed to a worker before.
    pub start_at: Option<Timestamp>,
    /// First task began.
    pub started_at: Option<Timestamp>,
    /// Ended.
    pub closed_at: Option<Timestamp>,
    /// Longest time it may take.
    pub execution_timeout: Option<Duration>,
    /// Events recorded so far.
    pub history_length: i64,
    /// The worker that held it last.
    pub worker_identity: Option<String>,
}

/// The workflow task of an open run that a worker could not do, and when it is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockedWorkflowTask {
    /// Failed tries so far.
    pub attempt: u32,
    /// Why the last one failed.
    pub failure: Failure,
    /// When it is tried again.
    pub next_attempt_at: Timestamp,
}

/// State of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivityStatus {
    /// Waiting for a worker.
    Scheduled,
    /// Running.
    Started,
    /// Waiting for the next try.
    BackingOff,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
    /// Stopped.
    Canceled,
    /// Ran out of time for good.
    TimedOut,
}

/// One activity of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The run.
    pub run_id: RunId,
    /// The event that scheduled it; with the run, its identity.
    pub scheduled_event_id: EventId,
    /// Its number in the run.
    pub activity_id: String,
    /// The code.
    pub activity_type: ActivityType,
    /// State.
    pub status: ActivityStatus,
    /// Where it waits for a worker.
    pub task_queue: TaskQueue,
    /// The present attempt, or the next: 1, 2, 3 ….
    pub attempt: u32,
    /// Attempts in all; `None`: no limit.
    pub maximum_attempts: Option<u32>,
    /// What it gets.
    pub input: Payload,
    /// What it returned.
    pub result: Option<Payload>,
    /// Why the last failed attempt failed.
    pub last_failure: Option<Failure>,
    /// Put on the queue.
    pub scheduled_at: Timestamp,
    /// This attempt began.
    pub started_at: Option<Timestamp>,
    /// Next attempt.
    pub next_attempt_at: Option<Timestamp>,
    /// Ended.
    pub closed_at: Option<Timestamp>,
    /// Last report from the worker.
    pub heartbeat: Option<ActivityHeartbeat>,
    /// The worker of this attempt.
    pub worker_identity: Option<String>,
}

/// The latest report of a running activity.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityHeartbeat {
    /// Counts the reports of this attempt.
    pub sequence: i64,
    /// When it was made.
    pub at: Timestamp,
    /// Units done.
    pub completed: Option<f64>,
    /// Units in all.
    pub total: Option<f64>,
    /// For people.
    pub message: Option<String>,
    /// Anything else.
    pub details: Option<Payload>,
}

impl ActivityHeartbeat {
    /// Share done, 0 to 1, when the activity told.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        let (completed, total) = (self.completed?, self.total?);
        (total > 0.0).then(|| (completed / total).clamp(0.0, 1.0))
    }
}

/// A process that runs tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerInfo {
    /// The process.
    pub worker_id: WorkerId,
    /// Its name for people.
    pub identity: String,
    /// The version that it runs.
    pub build_id: String,
    /// The queues that it serves.
    pub task_queues: Vec<TaskQueue>,
    /// The workflow types that it knows.
    pub workflow_types: Vec<WorkflowType>,
    /// The activity types that it knows.
    pub activity_types: Vec<ActivityType>,
    /// Most activities at once.
    pub slots: u32,
    /// Activities now.
    pub slots_used: u32,
    /// Takes no new tasks.
    pub draining: bool,
    /// Came.
    pub started_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
}

/// A queue, as its rows say.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskQueueInfo {
    /// Its name.
    pub name: TaskQueue,
    /// Tasks that wait for a worker and are due.
    pub backlog: i64,
    /// Since when the oldest of them waits.
    pub oldest_since: Option<Timestamp>,
    /// Tasks that a worker has.
    pub running: i64,
    /// Live workers that serve it.
    pub workers: i64,
}

/// A registered workflow type.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowTypeInfo {
    /// Its name.
    pub name: WorkflowType,
    /// What it is for.
    pub description: String,
    /// Where its tasks go unless the start says otherwise.
    pub task_queue: TaskQueue,
    /// Longest run unless the start says otherwise.
    pub execution_timeout: Option<Duration>,
    /// JSON Schema of what it takes.
    pub input_schema: serde_json::Value,
    /// JSON Schema of what it returns.
    pub result_schema: serde_json::Value,
}

/// Names a run: one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowTarget {
    /// A certain run.
    Run(RunId),
    /// The latest run of a workflow id.
    Workflow(WorkflowId),
}

/// A workflow to start. Texts come from outside and are checked by the start.
#[derive(Debug, Clone)]
pub struct StartWorkflow {
    /// A registered type.
    pub workflow_type: String,
    /// What it gets; checked against the type's JSON Schema.
    pub input: serde_json::Value,
    /// The caller's name; `<type>-<UUIDv4>` when there is none.
    pub workflow_id: Option<String>,
    /// The queue; the type's own when there is none.
    pub task_queue: Option<String>,
    /// -100 to 100; higher first.
    pub priority: i32,
    /// Not before this time from now, or this instant; when there is none, at once.
    pub start: Option<StartTime>,
    /// Longest time; the type's own when there is none.
    pub execution_timeout: Option<Duration>,
    /// Free notes; a JSON object.
    pub memo: serde_json::Value,
    /// Named values for search; a JSON object.
    pub search_attributes: serde_json::Value,
    /// When an open run has the id.
    pub conflict_policy: ConflictPolicy,
    /// When a closed run has the id.
    pub reuse_policy: ReusePolicy,
    /// The same key and input give the same run, for a day.
    pub idempotency_key: Option<String>,
}

impl StartWorkflow {
    /// A start of a type with an input and nothing else said.
    #[must_use]
    pub fn new(workflow_type: impl Into<String>, input: serde_json::Value) -> Self {
        Self {
            workflow_type: workflow_type.into(),
            input,
            workflow_id: None,
            task_queue: None,
            priority: 0,
            start: None,
            execution_timeout: None,
            memo: serde_json::json!({}),
            search_attributes: serde_json::json!({}),
            conflict_policy: ConflictPolicy::Fail,
            reuse_policy: ReusePolicy::RejectDuplicate,
            idempotency_key: None,
        }
    }
}

/// When a run may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum StartTime {
    /// Not before this instant.
    At(Timestamp),
    /// Not before this time after the start was accepted.
    After(Duration),
}

impl StartTime {
    /// The instant, for a start that is accepted at `now`.
    #[must_use]
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::After(delay) => now + delay,
        }
    }
}

/// What to do when an open run has the workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConflictPolicy {
    /// Refuse.
    Fail,
    /// Answer with the open run.
    UseExisting,
    /// Terminate it and start.
    TerminateExisting,
}

/// What to do when a closed run has the workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReusePolicy {
    /// Refuse.
    RejectDuplicate,
    /// Start when the closed one did not complete.
    AllowDuplicateFailedOnly,
    /// Start.
    AllowDuplicate,
}

/// An accepted start.
#[derive(Debug, Clone)]
pub struct Started {
    /// The run.
    pub execution: WorkflowExecution,
    /// False when an earlier call with this key, or an open run with this id, is the answer.
    pub created: bool,
}

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowFilter {
    /// In one of these states; empty: any.
    pub statuses: Vec<WorkflowStatus>,
    /// Of one of these types; empty: any.
    pub types: Vec<String>,
    /// With this very workflow id.
    pub workflow_id: Option<String>,
    /// With an id that starts so.
    pub workflow_id_prefix: Option<String>,
    /// On this queue.
    pub task_queue: Option<String>,
    /// Accepted within.
    pub created: TimeRange,
    /// First task began within.
    pub started: TimeRange,
    /// Ended within.
    pub closed: TimeRange,
    /// All of these as well.
    pub and: Vec<WorkflowFilter>,
    /// And, if not empty, one of these.
    pub or: Vec<WorkflowFilter>,
}

/// A window of time; either end may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// From, inclusive.
    pub from: Option<Timestamp>,
    /// To, exclusive.
    pub to: Option<Timestamp>,
}

/// Order of runs; the run id breaks ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkflowOrder {
    /// By what.
    pub field: WorkflowOrderField,
    /// Largest, newest first.
    pub descending: bool,
}

impl Default for WorkflowOrder {
    /// Newest first.
    fn default() -> Self {
        Self { field: WorkflowOrderField::CreatedAt, descending: true }
    }
}

/// What runs can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowOrderField {
    /// Accepted.
    CreatedAt,
    /// Ended; open ones count as ended last.
    ClosedAt,
    /// Priority.
    Priority,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many, and at most [`super::Limits::page_items_max`].
    pub items: u32,
    /// From which end.
    pub direction: PageDirection,
    /// Beyond the item with this cursor.
    pub cursor: Option<WorkflowCursor>,
    /// Skip so many first; for the REST twin's `offset` only.
    pub offset: u32,
}

/// From which end a page is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageDirection {
    /// `first … after`.
    Forward,
    /// `last … before`; the items still come in the order of the list.
    Backward,
}

/// Where an item stands in a list of runs: its sort key and its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkflowCursor {
    /// Value of the ordering field.
    pub key: i64,
    /// The run.
    pub run_id: RunId,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// More items follow.
    pub has_next: bool,
    /// Items precede.
    pub has_previous: bool,
}

/// A cancellation or termination that was accepted.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// The run after it.
    pub execution: WorkflowExecution,
    /// False when the run had ended before, or was asked to stop before, and nothing changed.
    pub changed: bool,
}

/// What a watcher of a run receives: first a snapshot unless it resumes, then events, then the end.
#[derive(Debug, Clone)]
pub enum WatchItem {
    /// The whole state.
    Snapshot(Box<WorkflowExecution>),
    /// New events, in order, and the run after them.
    Events(Vec<HistoryEvent>, Box<WorkflowExecution>),
    /// A heartbeat; merged when they come faster than they are read.
    Progress(Box<Activity>),
    /// Heartbeats may be missing; a snapshot follows, and no event is lost.
    Reset(ResetReason),
    /// Nothing more will come.
    Ended(Box<WorkflowExecution>),
}

/// Why a watcher starts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// It read too slowly.
    SlowConsumer,
    /// The bus was lost for a while.
    BrokerGap,
    /// The cursor names history that is not there.
    CursorExpired,
}

impl WorkflowExecution {
    /// Its place in a list of this order.
    #[must_use]
    pub fn cursor(&self, field: WorkflowOrderField) -> WorkflowCursor {
        let key = match field {
            WorkflowOrderField::CreatedAt => self.created_at.0,
            WorkflowOrderField::ClosedAt => self.closed_at.map_or(i64::MAX, |at| at.0),
            WorkflowOrderField::Priority => i64::from(self.priority),
        };
        WorkflowCursor { key, run_id: self.run_id }
    }
}
