use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    history::{
        ActivityTaskCanceled, ActivityTaskCompleted, ActivityTaskFailed, ActivityTaskStarted,
        ActivityTaskTimedOut, EventAttributes, RetryState,
    },
    ids::EventId,
    payload::Payload,
};

/// The end of an activity before it is recorded in the history: reported by the worker that ran it, or by
/// maintenance when that worker was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActivityClose {
    pub(crate) scheduled_event_id: EventId,
    /// The attempt that ended it; `None` when it ended while no worker ran it.
    pub(crate) started: Option<StartedAttempt>,
    pub(crate) outcome: CloseOutcome,
}

/// The last attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StartedAttempt {
    pub(crate) attempt: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) identity: String,
    pub(crate) last_failure: Option<Failure>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum CloseOutcome {
    Completed { result: Payload },
    Failed { failure: Failure, retry_state: RetryState },
    TimedOut { timeout_type: TimeoutType, failure: Failure, retry_state: RetryState },
    Canceled,
}

impl ActivityClose {
    /// The events that record it; the first has the ID `next`.
    pub(crate) fn into_events(self, next: EventId) -> Vec<EventAttributes> {
        let scheduled_event_id = self.scheduled_event_id;
        let started_event_id = self.started.is_some().then_some(next);
        let mut events: Vec<EventAttributes> = Vec::with_capacity(2);
        if let Some(started) = self.started {
            let StartedAttempt { attempt, started_at, identity, last_failure } = started;
            events.push(
                ActivityTaskStarted {
                    scheduled_event_id,
                    attempt,
                    started_at_ms: started_at,
                    identity,
                    last_failure,
                }
                .into(),
            );
        }
        // Only what ran can complete or fail; the event before this one is then its start.
        let started = started_event_id.unwrap_or(scheduled_event_id);
        events.push(match self.outcome {
            CloseOutcome::Completed { result } => {
                ActivityTaskCompleted { scheduled_event_id, started_event_id: started, result }.into()
            }
            CloseOutcome::Failed { failure, retry_state } => {
                ActivityTaskFailed { scheduled_event_id, started_event_id: started, failure, retry_state }
                    .into()
            }
            CloseOutcome::TimedOut { timeout_type, failure, retry_state } => ActivityTaskTimedOut {
                scheduled_event_id,
                started_event_id,
                timeout_type,
                failure,
                retry_state,
            }
            .into(),
            CloseOutcome::Canceled => ActivityTaskCanceled { scheduled_event_id, started_event_id }.into(),
        });
        events
    }
}
