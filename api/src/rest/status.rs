//! The words of the course system for the state of a task.

use ctutor_engine::{
    client::{WorkflowExecution, WorkflowStatus},
    clock::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::error::Error;

/// State of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Due, and waiting for a worker.
    Queued,
    /// A worker has begun.
    Started,
    /// Ended well.
    Finished,
    /// Ended with an error, or ran out of time.
    Failed,
    /// Not due before a later instant.
    Deferred,
    /// Stopped.
    Cancelled,
}

impl TaskStatus {
    /// The state of a run's task.
    #[must_use]
    pub fn of(status: WorkflowStatus, start_at: Option<Timestamp>, now: Timestamp) -> Self {
        match status {
            WorkflowStatus::Pending if start_at.is_some_and(|start_at| start_at > now) => Self::Deferred,
            WorkflowStatus::Pending => Self::Queued,
            WorkflowStatus::Running | WorkflowStatus::Canceling | WorkflowStatus::ContinuedAsNew => {
                Self::Started
            }
            WorkflowStatus::Completed => Self::Finished,
            WorkflowStatus::Failed | WorkflowStatus::TimedOut => Self::Failed,
            WorkflowStatus::Canceled | WorkflowStatus::Terminated => Self::Cancelled,
        }
    }

    pub(super) fn of_execution(execution: &WorkflowExecution, now: Timestamp) -> Self {
        Self::of(execution.status, execution.start_at, now)
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Deferred => "deferred",
            Self::Cancelled => "cancelled",
        }
    }
}

const OPEN: &[WorkflowStatus] =
    &[WorkflowStatus::Running, WorkflowStatus::Canceling, WorkflowStatus::ContinuedAsNew];
const FAILED: &[WorkflowStatus] = &[WorkflowStatus::Failed, WorkflowStatus::TimedOut];
const CANCELLED: &[WorkflowStatus] = &[WorkflowStatus::Canceled, WorkflowStatus::Terminated];

/// The words of the `status` filter, and the runs that each stands for. Either case is taken.
///
/// Tasks that wait for a worker and those that wait for their time are both pending runs.
const FILTERS: &[(&str, &[WorkflowStatus])] = &[
    ("queued", &[WorkflowStatus::Pending]),
    ("deferred", &[WorkflowStatus::Pending]),
    ("pending", &[WorkflowStatus::Pending]),
    ("started", OPEN),
    ("retry", OPEN),
    ("finished", &[WorkflowStatus::Completed]),
    ("success", &[WorkflowStatus::Completed]),
    ("failed", FAILED),
    ("failure", FAILED),
    ("cancelled", CANCELLED),
    ("revoked", &[WorkflowStatus::Terminated]),
];

/// The runs of a filter word.
///
/// # Errors
/// For an unknown word, telling the known ones: it must not mean "no filter".
pub(super) fn filter(word: &str) -> Result<Vec<WorkflowStatus>, Error> {
    let found = FILTERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    let Some((_, statuses)) = found else {
        let known: Vec<_> = FILTERS.iter().map(|(known, _)| *known).collect();
        let word: String = word.chars().take(40).collect();
        let message = format!("`status` is `{word}`, allowed is one of: {}", known.join(", "));
        return Err(Error::Invalid {
            message,
            details: serde_json::json!({ "field": "status", "allowed": known }),
        });
    };
    Ok(statuses.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn every_state_of_a_run_has_its_word() {
        let table = [
            (WorkflowStatus::Pending, "queued"),
            (WorkflowStatus::Running, "started"),
            (WorkflowStatus::Canceling, "started"),
            (WorkflowStatus::Completed, "finished"),
            (WorkflowStatus::Failed, "failed"),
            (WorkflowStatus::Canceled, "cancelled"),
            (WorkflowStatus::Terminated, "cancelled"),
            (WorkflowStatus::TimedOut, "failed"),
            (WorkflowStatus::ContinuedAsNew, "started"),
        ];
        assert_eq!(table.map(|(status, _)| status), WorkflowStatus::ALL);
        for (status, word) in table {
            assert_eq!(TaskStatus::of(status, None, NOW).as_str(), word);
        }
    }

    #[test]
    fn a_pending_run_is_deferred_until_it_is_due() {
        let of = |start_at| TaskStatus::of(WorkflowStatus::Pending, Some(Timestamp(start_at)), NOW);
        assert_eq!(of(1_001), TaskStatus::Deferred);
        assert_eq!(of(1_000), TaskStatus::Queued);
        let running = TaskStatus::of(WorkflowStatus::Running, Some(Timestamp(2_000)), NOW);
        assert_eq!(running, TaskStatus::Started);
    }

    #[test]
    fn every_filter_word_is_taken_in_either_case_and_others_are_refused() {
        let documented = [
            ("queued", vec![WorkflowStatus::Pending]),
            ("started", OPEN.to_vec()),
            ("finished", vec![WorkflowStatus::Completed]),
            ("failed", FAILED.to_vec()),
            ("deferred", vec![WorkflowStatus::Pending]),
            ("cancelled", CANCELLED.to_vec()),
            ("PENDING", vec![WorkflowStatus::Pending]),
            ("STARTED", OPEN.to_vec()),
            ("SUCCESS", vec![WorkflowStatus::Completed]),
            ("FINISHED", vec![WorkflowStatus::Completed]),
            ("FAILED", FAILED.to_vec()),
            ("FAILURE", FAILED.to_vec()),
            ("CANCELLED", CANCELLED.to_vec()),
            ("REVOKED", vec![WorkflowStatus::Terminated]),
            ("RETRY", OPEN.to_vec()),
        ];
        for (word, statuses) in documented {
            assert_eq!(filter(word).unwrap(), statuses, "{word}");
        }
        let Err(Error::Invalid { message, .. }) = filter("LOST") else { panic!("must be refused") };
        assert!(message.contains("`LOST`") && message.contains("queued, deferred, pending"), "{message}");
        assert!(filter("").is_err());
    }
}
