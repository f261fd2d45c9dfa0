#![doc = include_str!("../README.md")]

mod args;
mod cli;
mod client;
mod commands;
mod config;
mod examples;
mod exit;
mod file;
mod follow;
mod logging;
mod output;
mod process;
mod remedy;
mod secret;
mod shutdown;
mod values;

use std::{io, process::ExitCode, time::Duration};

use clap::{CommandFactory, FromArgMatches};
use ctutor_engine::chain;

use crate::{
    cli::Cli,
    config::{Environment, Loaded},
    exit::Exit,
};

/// A server allocates small things all the time, in every thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long threads may go on that cannot be told to stop, when everything else has ended.
const THREADS_GRACE_PERIOD: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let matches = examples::add(Cli::command()).get_matches();
    match run(Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format_args!("ctutor: {}", chain(error.as_ref())));
            Exit::of(&error).into()
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // Dependencies bring two providers, and TLS connections fail where none was chosen. An error means that
    // one was chosen already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let loaded = Loaded::load(cli.config.as_deref(), Environment::of_process()?, cli.flags())?;
    logging::init(&loaded.config, &loaded.environment);
    for unknown in loaded.environment.unknown() {
        tracing::warn!(variable = unknown.name, "{unknown}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let remedy = ctutor_engine::open_files::remedy(&error).unwrap_or(
                "raise the limits of threads and memory of the process (`ulimit -u`, `TasksMax=` of its systemd unit)",
            );
            anyhow::anyhow!("the threads of the process cannot be started: {error}; {remedy}")
        })?;
    let result = runtime.block_on(cli.command.run(&loaded, Cli::command));
    // A fetch from a server that says nothing holds a thread which cannot be told to stop. Whatever it was for has
    // been given back by now.
    runtime.shutdown_timeout(THREADS_GRACE_PERIOD);
    result
}

/// Whether the reader of our stdout has stopped reading, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
