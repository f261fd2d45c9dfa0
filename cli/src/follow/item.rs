use ctutor_engine::payload::Payload;
use serde::{Deserialize, Deserializer, de::Error};

use crate::client::{Activity, HistoryEvent, Workflow};

/// One item of `workflowStream`, as far as it is shown.
#[derive(Debug)]
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
    Other,
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let item = Payload::deserialize(deserializer)?;
        Self::read(item.as_str()).map_err(D::Error::custom)
    }
}

impl Item {
    /// From text in several steps: a tagged enum would keep what it reads in values, and lose how it was written.
    fn read(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "__typename")]
            name: String,
        }
        #[derive(Deserialize)]
        struct WithWorkflow {
            workflow: Box<Workflow>,
        }
        #[derive(Deserialize)]
        struct WithEvents {
            events: Vec<HistoryEvent>,
        }
        #[derive(Deserialize)]
        struct WithActivity {
            activity: Box<Activity>,
        }
        #[derive(Deserialize)]
        struct WithReason {
            reason: String,
        }
        let workflow = || serde_json::from_str(text).map(|WithWorkflow { workflow }| workflow);
        let Named { name } = serde_json::from_str(text)?;
        Ok(match name.as_str() {
            "WorkflowSnapshot" => Self::WorkflowSnapshot { workflow: workflow()? },
            "HistoryAppended" => {
                let WithEvents { events } = serde_json::from_str(text)?;
                Self::HistoryAppended { events }
            }
            "ActivityProgressed" => {
                let WithActivity { activity } = serde_json::from_str(text)?;
                Self::ActivityProgressed { activity }
            }
            "StreamReset" => {
                let WithReason { reason } = serde_json::from_str(text)?;
                Self::StreamReset { reason }
            }
            "StreamEnded" => Self::StreamEnded { workflow: workflow()? },
            _ => Self::Other,
        })
    }
}
