use std::process::ExitCode;

use crate::{
    args::{ClientArgs, ListenArgs, ProcessArgs, SecretArgs, WorkerArgs},
    config::{self, Flags, Loaded},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON instead of TOML
    #[arg(long)]
    json: bool,
    /// Print the defaults, with the meaning and the environment variable of each key
    #[arg(long, conflicts_with = "json")]
    defaults: bool,
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
        if self.defaults {
            output::data(config::DEFAULTS.trim_end())?;
        } else if self.json {
            output::json(&loaded.to_json())?;
        } else {
            output::data(output::visible(loaded.to_toml().trim_end()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
