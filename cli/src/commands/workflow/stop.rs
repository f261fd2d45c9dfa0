//! What cancellation and termination share.

use std::process::ExitCode;

use serde::Deserialize;

use crate::{
    args::{ClientArgs, TargetArgs},
    client::{Client, Stop, Workflow},
    config::Loaded,
    output::{self, Block},
};

#[derive(Debug, clap::Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Reason, recorded in the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Deserialize)]
struct Payload {
    workflow: Workflow,
    changed: bool,
}

impl StopArgs {
    pub(super) async fn run(self, stop: Stop, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let payload = client.stop_workflow(stop, &self.target.target(), self.reason.as_deref()).await?;
        if self.json {
            output::json(&payload)?;
            return Ok(ExitCode::SUCCESS);
        }
        let Payload { workflow, changed } = client.decode(&payload)?;
        let block = Block::default()
            .line("workflow", &workflow.workflow_id)
            .line("run", &workflow.id)
            .line("status", &workflow.status);
        output::data(block)?;
        if !changed {
            output::note("nothing changed: it has ended or was already asked to stop");
        }
        Ok(ExitCode::SUCCESS)
    }
}
