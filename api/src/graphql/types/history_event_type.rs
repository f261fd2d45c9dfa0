use async_graphql::Enum;
use ctutor_engine::history::EventType;

/// Temporal's history event types. Clients must expect new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "EventType")]
pub enum HistoryEventType {
    /// The run was accepted.
    WorkflowExecutionStarted,
    /// The run returned a result.
    WorkflowExecutionCompleted,
    /// The run failed.
    WorkflowExecutionFailed,
    /// The run took longer than it may.
    WorkflowExecutionTimedOut,
    /// Somebody asked the run to stop.
    WorkflowExecutionCancelRequested,
    /// The run stopped because it was asked to.
    WorkflowExecutionCanceled,
    /// The run was stopped from outside.
    WorkflowExecutionTerminated,
    /// An activity was put on its queue.
    ActivityTaskScheduled,
    /// The last attempt of an activity began; recorded with its end.
    ActivityTaskStarted,
    /// An activity returned a result.
    ActivityTaskCompleted,
    /// An activity failed for good.
    ActivityTaskFailed,
    /// An activity ran out of time for good.
    ActivityTaskTimedOut,
    /// The run asked an activity to stop.
    ActivityTaskCancelRequested,
    /// An activity stopped because it was asked to.
    ActivityTaskCanceled,
    /// A timer was set.
    TimerStarted,
    /// A timer rang.
    TimerFired,
    /// A timer was taken back.
    TimerCanceled,
}
