//! Global ids: a prefix that tells the type, and what names the object.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ctutor_engine::ids::{EventId, RunId, TaskQueue, WorkerId};

/// What a global id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeId {
    /// `wfr_<uuid>`: a run.
    WorkflowExecution(RunId),
    /// `evt_<uuid>_<n>`: an event of a run.
    HistoryEvent(RunId, EventId),
    /// `act_<uuid>_<n>`: an activity of a run, by the event that scheduled it.
    Activity(RunId, EventId),
    /// `wrk_<uuid>`: a worker.
    Worker(WorkerId),
    /// `tq_<base64url>`: a task queue, by its name.
    TaskQueue(TaskQueue),
}

impl NodeId {
    /// Reads a global id; nothing when it is none.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let (prefix, rest) = id.split_once('_')?;
        match prefix {
            "wfr" => rest.parse().ok().map(Self::WorkflowExecution),
            "evt" => part_of_run(rest).map(|(run_id, event_id)| Self::HistoryEvent(run_id, event_id)),
            "act" => part_of_run(rest).map(|(run_id, event_id)| Self::Activity(run_id, event_id)),
            "wrk" => rest.parse().ok().map(Self::Worker),
            "tq" => {
                let name = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(rest).ok()?).ok()?;
                TaskQueue::parse(name).ok().map(Self::TaskQueue)
            }
            _ => None,
        }
    }

    /// The run that a global id names, if it names one.
    #[must_use]
    pub fn parse_run(id: &str) -> Option<RunId> {
        match Self::parse(id)? {
            Self::WorkflowExecution(run_id) => Some(run_id),
            _ => None,
        }
    }
}

fn part_of_run(text: &str) -> Option<(RunId, EventId)> {
    let (run_id, event_id) = text.split_once('_')?;
    let event_id = event_id.parse().ok().filter(|event_id| *event_id > 0)?;
    Some((run_id.parse().ok()?, event_id))
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkflowExecution(run_id) => write!(f, "wfr_{run_id}"),
            Self::HistoryEvent(run_id, event_id) => write!(f, "evt_{run_id}_{event_id}"),
            Self::Activity(run_id, event_id) => write!(f, "act_{run_id}_{event_id}"),
            Self::Worker(worker_id) => write!(f, "wrk_{worker_id}"),
            Self::TaskQueue(name) => write!(f, "tq_{}", BASE64_URL_SAFE_NO_PAD.encode(name.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let run_id = RunId::new();
        for id in [
            NodeId::WorkflowExecution(run_id),
            NodeId::HistoryEvent(run_id, 7),
            NodeId::Activity(run_id, 2),
            NodeId::Worker(WorkerId::new()),
            NodeId::TaskQueue(TaskQueue::trusted("testing/ä")),
        ] {
            assert_eq!(NodeId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(NodeId::WorkflowExecution(run_id).to_string(), format!("wfr_{run_id}"));
    }

    #[test]
    fn other_texts_name_nothing() {
        let run_id = RunId::new();
        let wrong = [
            String::new(),
            "wfr".to_owned(),
            "wfr_".to_owned(),
            "wfr_x".to_owned(),
            run_id.to_string(),
            format!("usr_{run_id}"),
            format!("evt_{run_id}"),
            format!("evt_{run_id}_0"),
            format!("evt_{run_id}_-1"),
            format!("act_{run_id}_x"),
            "tq_%%".to_owned(),
            "tq_".to_owned(),
        ];
        for text in wrong {
            assert_eq!(NodeId::parse(&text), None, "{text}");
        }
    }
}
