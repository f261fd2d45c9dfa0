use std::process::ExitCode;

use super::watch::{From, RetryArgs, Watch, watch};
use crate::{
    args::{ClientArgs, TargetArgs},
    client::{Client, Workflow},
    config::Loaded,
    follow::{Style, retrying},
    output,
    shutdown::Interrupt,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Print every item of the stream as a line of JSON
    #[arg(long)]
    json: bool,
    /// Continue after the item with this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let mut interrupt = Interrupt::listen()?;
        let client = Client::new(loaded)?;
        let target = self.target.target();
        let retry_for = self.retry.patience();
        let found = tokio::select! {
            biased;
            code = interrupt.next() => {
                output::note(format_args!(
                    "stopped before `{target}` was found; nothing was changed, and the same command looks for it again"
                ));
                return Ok(code);
            }
            found = retrying(|_| retry_for, async || client.find_workflow(&target).await) => found?,
        };
        let found: Workflow = client.decode(&found)?;
        let (from, style) = match (self.after, self.json) {
            (Some(cursor), true) => (From::Cursor(cursor), Style::Json),
            (Some(cursor), false) => (From::Cursor(cursor), Style::Narrative),
            // Programs get the whole state in the first item.
            (None, true) => (From::Now, Style::Json),
            (None, false) => (From::Beginning, Style::Narrative),
        };
        watch(loaded, client, found, Watch { from, style, retry_for }, interrupt).await
    }
}
