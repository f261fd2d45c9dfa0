use std::process::ExitCode;

use crate::{
    args::ProcessArgs,
    config::{Flags, Loaded},
    output, process,
};

/// Commands for the database schema.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Apply all pending migrations
    Up(Args),
    /// List pending migrations; exits with 1 if there are any
    Status(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    process: ProcessArgs,
}

impl Command {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        let (Self::Up(args) | Self::Status(args)) = self;
        args.process.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let url = process::database_url(loaded)?;
        let engine = process::open(loaded, url).await?;
        match self {
            Self::Up(_) => {
                for name in process::migrate(&engine, url).await? {
                    output::data(format_args!("done {name}"))?;
                }
            }
            Self::Status(_) => {
                let pending = process::pending(&engine, url).await?;
                for name in &pending {
                    output::data(format_args!("to do {name}"))?;
                }
                if !pending.is_empty() {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        output::note("the database is up to date");
        Ok(ExitCode::SUCCESS)
    }
}
