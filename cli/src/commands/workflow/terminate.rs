use std::process::ExitCode;

use super::stop::StopArgs;
use crate::{client::Stop, config::Loaded};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) stop: StopArgs,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        self.stop.run(Stop::Terminate, loaded).await
    }
}
