use std::process::ExitCode;

use crate::{
    args::{ClientArgs, TargetArgs},
    client::{Client, Object},
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
        let client = Client::new(loaded)?;
        let payload = client.delete_workflow(&self.target.target()).await?;
        if self.json {
            output::json(&payload)?;
        } else {
            let deleted: String = client.decode::<Object>(&payload)?.get("deletedId").unwrap_or_default();
            output::data(format_args!("deleted {}", output::visible(&deleted)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
