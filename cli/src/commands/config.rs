use std::process::ExitCode;

use crate::{
    args::{ClientArgs, ListenArgs, ProcessArgs, SecretArgs, WorkerArgs},
    config::{Flags, Loaded},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON instead of TOML
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    worker: WorkerArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Args {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        self.process.set_flags(flags);
        self.secret.set_flags(flags);
        self.listen.set_flags(flags);
        self.worker.set_flags(flags);
        self.client.set_flags(flags);
    }

    pub(super) fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        if self.json {
            output::json(&loaded.to_json())?;
        } else {
            output::data(loaded.to_toml().trim_end())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
