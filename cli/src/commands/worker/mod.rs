//! Workers.

mod check;
mod start;
mod status;

use std::process::ExitCode;

use crate::config::{Flags, Loaded};

/// Commands for workers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run a worker until it receives SIGINT or SIGTERM
    Start(start::Args),
    /// Check that the languages of this machine work in the sandbox in which submissions are tested
    Check(check::Args),
    /// List the live workers and the task queues
    Status(status::Args),
}

impl Command {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        match self {
            Self::Start(args) => args.set_flags(flags),
            Self::Check(_) => {}
            Self::Status(args) => args.set_flags(flags),
        }
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        match self {
            Self::Start(args) => args.run(loaded).await,
            Self::Check(args) => args.run(loaded).await,
            Self::Status(args) => args.run(loaded).await,
        }
    }
}
