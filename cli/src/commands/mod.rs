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

/// The remedy for an address that is in use.
const PICK_ANOTHER_ADDRESS: &str = "choose another with `--listen HOST:PORT` or CTUTOR_LISTEN";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process, with nothing to install: for development and for trying things out
    Dev(dev::Args),
    /// Run the API and a worker in one process, on PostgreSQL
    Serve(serve::Args),
    /// Run only the API; workers run as separate processes
    Api(api::Args),
    /// Run workers and list them
    #[command(subcommand)]
    Worker(worker::Command),
    /// Start, list, follow and stop workflow executions
    #[command(subcommand)]
    Workflow(workflow::Command),
    /// List task queues
    #[command(subcommand)]
    TaskQueue(task_queue::Command),
    /// List the registered workflow types and their inputs
    Types(types::Args),
    /// Create tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Migrate the database schema
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Print the GraphQL schema
    Schema,
    /// Print the effective configuration and the source of each value
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

    /// Runs the command; `cli` describes the whole command line.
    pub(crate) async fn run(self, loaded: &Loaded, cli: fn() -> clap::Command) -> anyhow::Result<ExitCode> {
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
            Self::Completions(args) => args.run(cli),
        }
    }
}
