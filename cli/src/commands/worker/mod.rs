//! Workers.

mod start;
mod status;

use std::process::ExitCode;

use crate::config::{Flags, Loaded};

/// What to do with workers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run a worker until it is told to stop
    Start(start::Args),
    /// List the live workers and the task queues
    Status(status::Args),
}

impl Command {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        match self {
            Self::Start(args) => args.set_flags(flags),
            Self::Status(args) => args.set_flags(flags),
        }
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        match self {
            Self::Start(args) => args.run(loaded).await,
            Self::Status(args) => args.run(loaded).await,
        }
    }
}
