use std::{convert::Infallible, fmt, str::FromStr};

use serde_json::{Value, json};

/// Begins the global id of a run.
const RUN_PREFIX: &str = "wfr_";

/// A workflow execution as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// By its workflow ID, or by the ID of a run with or without prefix.
    Either(String),
    /// By its workflow ID, whatever that looks like.
    Workflow(String),
    /// By the ID of a run, with or without prefix.
    Run(String),
}

/// One way to read a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The global id of a run.
    Run(String),
    /// The latest run of a workflow id.
    Workflow(String),
}

impl Target {
    /// The ways to read it, the likeliest first: people may choose workflow ids that look like ids of runs.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let text = match self {
            Self::Either(text) => text,
            Self::Workflow(workflow_id) => return vec![Reading::Workflow(workflow_id.clone())],
            Self::Run(id) if id.starts_with(RUN_PREFIX) => return vec![Reading::Run(id.clone())],
            Self::Run(id) => return vec![Reading::Run(format!("{RUN_PREFIX}{}", id.to_ascii_lowercase()))],
        };
        if text.starts_with(RUN_PREFIX) {
            return vec![Reading::Run(text.clone()), Reading::Workflow(text.clone())];
        }
        let mut readings = vec![Reading::Workflow(text.clone())];
        if is_uuid(text) {
            readings.push(Reading::Run(format!("{RUN_PREFIX}{}", text.to_ascii_lowercase())));
        }
        readings
    }
}

impl Reading {
    /// The `WorkflowRef` of the API.
    pub(crate) fn to_reference(&self) -> Value {
        match self {
            Self::Run(id) => json!({"id": id}),
            Self::Workflow(workflow_id) => json!({"workflowId": workflow_id}),
        }
    }
}

impl FromStr for Target {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::Either(text.to_owned()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Either(text) | Self::Workflow(text) | Self::Run(text)) = self;
        f.write_str(text)
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(text: &str) -> Vec<Reading> {
        Target::Either(text.to_owned()).readings()
    }

    #[test]
    fn a_name_is_read_as_workflow_id_and_where_it_fits_as_run() {
        let uuid = "0190c0de-0000-7000-8000-000000000001";
        let run = format!("wfr_{uuid}");
        assert_eq!(readings("order-1"), [Reading::Workflow("order-1".into())]);
        assert_eq!(readings(uuid), [Reading::Workflow(uuid.into()), Reading::Run(run.clone())]);
        assert_eq!(readings(&run), [Reading::Run(run.clone()), Reading::Workflow(run.clone())]);
        assert_eq!(Target::Workflow(run.clone()).readings(), [Reading::Workflow(run.clone())]);
        assert_eq!(Target::Run(uuid.to_uppercase()).readings(), [Reading::Run(run.clone())]);
        assert_eq!(Target::Run(run.clone()).readings(), [Reading::Run(run)]);
        let workflow_id = format!("example_long_running-{uuid}");
        assert_eq!(readings(&workflow_id), [Reading::Workflow(workflow_id.clone())]);
    }
}
