//! Workflow executions.

mod cancel;
mod delete;
mod follow;
mod input;
mod list;
mod report;
mod return_path;
mod show;
mod start;
mod stop;
mod submit;
mod terminate;
mod waiting;
mod watch;

use std::process::ExitCode;

use crate::config::{Flags, Loaded};

/// Commands for workflow executions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start a workflow
    #[command(mut_arg("retry_for", |arg| arg.help(watch::START_RETRY_HELP)))]
    Start(start::Args),
    /// List workflow executions, newest first
    List(list::Args),
    /// Show one workflow execution
    Show(show::Args),
    /// Watch a workflow execution until it ends; exits with 0 if it completed, with 1 otherwise. Ctrl-C stops watching, not
    /// the execution
    Follow(follow::Args),
    /// Print the report of a student test, as a table or as JUnit XML for CI systems
    Report(report::Args),
    /// Request cancellation of a workflow execution; its code can clean up first
    Cancel(cancel::Args),
    /// Terminate a workflow execution at once, without cleanup
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
