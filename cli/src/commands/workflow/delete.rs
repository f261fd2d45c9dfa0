use std::process::ExitCode;

use serde_json::Value;

use crate::{
    args::{ClientArgs, TargetArgs},
    client::Client,
    config::Loaded,
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let payload = Client::new(loaded)?.delete_workflow(&self.target.target()).await?;
        if self.json {
            output::json(&payload)?;
        } else {
            let deleted = payload.get("deletedId").and_then(Value::as_str).unwrap_or_default();
            output::data(format_args!("deleted {}", output::visible(deleted)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
