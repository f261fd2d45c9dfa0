//! Workflow executions.

mod cancel;
mod delete;
mod follow;
mod list;
mod report;
mod show;
mod start;
mod stop;
mod terminate;
mod waiting;
mod watch;

use std::process::ExitCode;

use crate::config::{Flags, Loaded};

/// What to do with workflows.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start a workflow
    Start(start::Args),
    /// List workflow executions, newest first
    List(list::Args),
    /// Show one workflow execution
    Show(show::Args),
    /// Watch a workflow execution until it ends; exits with 0 when it completed and with 1 otherwise
    Follow(follow::Args),
    /// Print the report of a test: as a table, or as JUnit XML for CI systems
    Report(report::Args),
    /// Ask a workflow execution to stop; its code may clean up
    Cancel(cancel::Args),
    /// Stop a workflow execution now
    Terminate(terminate::Args),
    /// Delete a workflow execution that has ended, with its history
    Delete(delete::Args),
}

impl Command {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        let client = match self {
            Self::Start(args) => &args.client,
            Self::List(args) => &args.client,
            Self::Show(args) => &args.client,
            Self::Follow(args) => &args.client,
            Self::Report(args) => &args.client,
            Self::Cancel(args) => &args.stop.client,
            Self::Terminate(args) => &args.stop.client,
            Self::Delete(args) => &args.client,
        };
        client.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        match self {
            Self::Start(args) => args.run(loaded).await,
            Self::List(args) => args.run(loaded).await,
            Self::Show(args) => args.run(loaded).await,
            Self::Follow(args) => args.run(loaded).await,
            Self::Report(args) => args.run(loaded).await,
            Self::Cancel(args) => args.run(loaded).await,
            Self::Terminate(args) => args.run(loaded).await,
            Self::Delete(args) => args.run(loaded).await,
        }
    }
}
