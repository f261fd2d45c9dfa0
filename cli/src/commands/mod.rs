//! One file a command.

mod api;
mod completions;
mod config;
mod dev;
mod migrate;
mod schema;
mod serve;
mod task_queue;
mod token;
mod types;
mod worker;
mod workflow;

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::{Flags, Loaded};

/// What to do about an address that is taken.
const PICK_ANOTHER_ADDRESS: &str = "choose another with `--listen HOST:PORT` or CTUTOR_LISTEN";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process, with nothing to install: for development and for trying things out
    Dev(dev::Args),
    /// Run the API and a worker in one process, on PostgreSQL
    Serve(serve::Args),
    /// Run the API alone; workers are processes of their own
    Api(api::Args),
    /// Run workers and see them
    #[command(subcommand)]
    Worker(worker::Command),
    /// Start, see, follow and stop workflows
    #[command(subcommand)]
    Workflow(workflow::Command),
    /// See task queues
    #[command(subcommand)]
    TaskQueue(task_queue::Command),
    /// Show the registered workflow types and what they take
    Types(types::Args),
    /// Make tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Bring the database up to date
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Print the GraphQL schema
    Schema,
    /// Print the configuration in force, and where each value comes from
    Config(config::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        match self {
            Self::Dev(args) => args.set_flags(flags),
            Self::Serve(args) => args.set_flags(flags),
            Self::Api(args) => args.set_flags(flags),
            Self::Worker(command) => command.set_flags(flags),
            Self::Workflow(command) => command.set_flags(flags),
            Self::TaskQueue(command) => command.set_flags(flags),
            Self::Types(args) => args.set_flags(flags),
            Self::Token(command) => command.set_flags(flags),
            Self::Migrate(command) => command.set_flags(flags),
            Self::Config(args) => args.set_flags(flags),
            Self::Schema | Self::Completions(_) => {}
        }
    }

    pub(crate) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        match self {
            Self::Dev(args) => args.run(loaded).await,
            Self::Serve(args) => args.run(loaded).await,
            Self::Api(args) => args.run(loaded).await,
            Self::Worker(command) => command.run(loaded).await,
            Self::Workflow(command) => command.run(loaded).await,
            Self::TaskQueue(command) => command.run(loaded).await,
            Self::Types(args) => args.run(loaded).await,
            Self::Token(command) => command.run(loaded),
            Self::Migrate(command) => command.run(loaded).await,
            Self::Schema => schema::run(),
            Self::Config(args) => args.run(loaded),
            Self::Completions(args) => args.run(),
        }
    }
}
