use std::process::ExitCode;

use super::watch::{From, watch};
use crate::{
    args::{ClientArgs, TargetArgs},
    client::{Client, Workflow},
    config::Loaded,
    follow::Style,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Print every item of the stream as a line of JSON
    #[arg(long)]
    json: bool,
    /// Go on after the item with this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let found: Workflow = client.decode(client.find_workflow(&self.target.target()).await?)?;
        let (from, style) = match (self.after, self.json) {
            (Some(cursor), true) => (From::Cursor(cursor), Style::Json),
            (Some(cursor), false) => (From::Cursor(cursor), Style::Narrative),
            // Programs get the whole state in the first item.
            (None, true) => (From::Now, Style::Json),
            (None, false) => (From::Beginning, Style::Narrative),
        };
        watch(client, found, from, style).await
    }
}
