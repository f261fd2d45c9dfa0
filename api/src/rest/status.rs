//! States of tasks, with the names of the course system.

use ctutor_engine::{
    client::{Waiter, Waiting, WaitingFor, WorkflowFilter, WorkflowStatus},
    clock::Timestamp,
    near,
};
use serde::{Deserialize, Serialize};

use super::error::Error;

/// State of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Due and waiting for a worker.
    Queued,
    /// A worker has started it, and work is due or in progress.
    Started,
    /// Completed.
    Finished,
    /// Failed or timed out.
    Failed,
    /// Waits for a later time: its start, a timer or another attempt.
    Deferred,
    /// Canceled or terminated.
    Cancelled,
}

impl TaskStatus {
    /// The state of a run's task.
    pub(super) fn of(waiter: &Waiter, now: Timestamp) -> Self {
        match waiter.waiting_for(now) {
            Some(WaitingFor::Worker) => Self::Queued,
            Some(WaitingFor::Time) => Self::Deferred,
            Some(WaitingFor::Nothing) | None => Self::of_begun(waiter.execution.status),
        }
    }

    /// The same for one that waits for nothing, as those that have ended.
    pub(super) fn of_begun(status: WorkflowStatus) -> Self {
        match status {
            WorkflowStatus::Pending => Self::Queued,
            WorkflowStatus::Running | WorkflowStatus::Canceling | WorkflowStatus::ContinuedAsNew => {
                Self::Started
            }
            WorkflowStatus::Completed => Self::Finished,
            WorkflowStatus::Failed | WorkflowStatus::TimedOut => Self::Failed,
            WorkflowStatus::Canceled | WorkflowStatus::Terminated => Self::Cancelled,
        }
    }

    /// The string in JSON.
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

/// Which runs a filter word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// Those in one of these states.
    In(&'static [WorkflowStatus]),
    /// The open ones that wait for this.
    Waiting(WaitingFor),
    /// Those whose tasks are [`TaskStatus::Started`].
    Started,
}

const COMPLETED: Runs = Runs::In(&[WorkflowStatus::Completed]);
const FAILED: Runs = Runs::In(&[WorkflowStatus::Failed, WorkflowStatus::TimedOut]);
const CANCELLED: Runs = Runs::In(&[WorkflowStatus::Canceled, WorkflowStatus::Terminated]);

/// Values of the `status` filter, in upper or lower case.
///
/// Those that are also states of tasks find exactly the tasks that show them; the others are what the screens of the
/// course system offer.
const FILTERS: &[(&str, Runs)] = &[
    ("queued", Runs::Waiting(WaitingFor::Worker)),
    ("deferred", Runs::Waiting(WaitingFor::Time)),
    ("pending", Runs::In(&[WorkflowStatus::Pending])),
    ("started", Runs::Started),
    ("finished", COMPLETED),
    ("success", COMPLETED),
    ("failed", FAILED),
    ("failure", FAILED),
    ("cancelled", CANCELLED),
    ("revoked", Runs::In(&[WorkflowStatus::Terminated])),
];

/// A word of the screens for which runs would have to be searched by the attempts of their activities.
const UNSUPPORTED: &str = "retry";

impl Runs {
    fn filter(self, now: Timestamp) -> WorkflowFilter {
        let waiting =
            |what| WorkflowFilter { waiting: Some(Waiting { what, now }), ..WorkflowFilter::default() };
        let in_states = |states: &[WorkflowStatus]| WorkflowFilter {
            statuses: states.to_vec(),
            ..WorkflowFilter::default()
        };
        match self {
            Self::In(states) => in_states(states),
            Self::Waiting(what) => waiting(what),
            Self::Started => WorkflowFilter {
                or: vec![waiting(WaitingFor::Nothing), in_states(&[WorkflowStatus::ContinuedAsNew])],
                ..WorkflowFilter::default()
            },
        }
    }
}

/// The runs of a filter word at an instant.
///
/// # Errors
/// For an unknown or unsupported value, with the list of the others: it must not mean "no filter".
pub(super) fn filter(word: &str, now: Timestamp) -> Result<WorkflowFilter, Error> {
    let found = FILTERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    let Some((_, runs)) = found else {
        let known: Vec<_> = FILTERS.iter().map(|(known, _)| *known).collect();
        let reason = if word.eq_ignore_ascii_case(UNSUPPORTED) {
            ", which is not supported because tasks are not searched by their attempts"
        } else {
            ""
        };
        let meant = near::meant(&word.to_lowercase(), known.iter().copied());
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        let word: String = word.chars().take(40).collect();
        let message = format!("`status` is `{word}`{reason}, expected one of {}{meant}", known.join(", "));
        return Err(Error::Invalid {
            message,
            details: serde_json::json!({ "field": "status", "allowed": known }),
        });
    };
    Ok(runs.filter(now))
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
            assert_eq!(TaskStatus::of_begun(status).as_str(), word);
        }
    }

    #[test]
    fn every_filter_word_is_taken_in_either_case_and_others_are_refused() {
        let documented = [
            ("queued", Runs::Waiting(WaitingFor::Worker)),
            ("started", Runs::Started),
            ("finished", COMPLETED),
            ("failed", FAILED),
            ("deferred", Runs::Waiting(WaitingFor::Time)),
            ("cancelled", CANCELLED),
            ("PENDING", Runs::In(&[WorkflowStatus::Pending])),
            ("STARTED", Runs::Started),
            ("SUCCESS", COMPLETED),
            ("FINISHED", COMPLETED),
            ("FAILED", FAILED),
            ("FAILURE", FAILED),
            ("CANCELLED", CANCELLED),
            ("REVOKED", Runs::In(&[WorkflowStatus::Terminated])),
        ];
        for (word, runs) in documented {
            assert_eq!(filter(word, NOW).unwrap(), runs.filter(NOW), "{word}");
        }
        let Err(Error::Invalid { message, .. }) = filter("LOST", NOW) else { panic!("must be refused") };
        assert!(message.contains("`LOST`") && message.contains("queued, deferred, pending"), "{message}");
        assert!(filter("", NOW).is_err());
        let Err(Error::Invalid { message, .. }) = filter("RETRY", NOW) else { panic!("must be refused") };
        assert!(message.contains("`RETRY`, which is not supported"), "{message}");
    }
}
