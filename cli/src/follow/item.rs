use serde::Deserialize;

use crate::client::{Activity, HistoryEvent, Workflow};

/// One item of `workflowStream`, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub(super) enum Item {
    WorkflowSnapshot {
        workflow: Box<Workflow>,
    },
    HistoryAppended {
        events: Vec<HistoryEvent>,
    },
    ActivityProgressed {
        activity: Box<Activity>,
    },
    StreamReset {
        reason: String,
    },
    StreamEnded {
        workflow: Box<Workflow>,
    },
    /// Of a newer server.
    #[serde(other)]
    Other,
}
