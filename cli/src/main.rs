#![doc = include_str!("../README.md")]

mod args;
mod cli;
mod client;
mod commands;
mod config;
mod follow;
mod logging;
mod output;
mod process;
mod secret;
mod shutdown;

use std::{io, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;

use crate::{
    cli::Cli,
    config::{Environment, Loaded},
};

/// A server allocates small things all the time, in every thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long threads may go on that cannot be told to stop, when everything else has ended.
const THREADS_GRACE_PERIOD: Duration = Duration::from_secs(1);

/// Exit code for a mistake in the command line or in the configuration; `clap` uses the same.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format_args!("ctutor: {}", described(&error)));
            if error.is::<config::Error>() { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // Dependencies bring two providers, and TLS connections fail where none was chosen. An error means that
    // one was chosen already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let loaded = Loaded::load(cli.config.as_deref(), Environment::of_process()?, cli.flags())?;
    logging::init(&loaded.config, &loaded.environment);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the process cannot be started")?;
    let result = runtime.block_on(cli.command.run(&loaded));
    // A fetch from a server that says nothing holds a thread which cannot be told to stop. Whatever it was for has
    // been given back by now.
    runtime.shutdown_timeout(THREADS_GRACE_PERIOD);
    result
}

/// The error and what led to it, without what an outer one says already.
pub(crate) fn described(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
}

/// Whether the reader of our stdout has stopped reading, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_once() {
        let error = anyhow::anyhow!("connection refused").context("the database cannot be reached");
        assert_eq!(described(&error), "the database cannot be reached: connection refused");
        let error = anyhow::anyhow!("no").context("it said: no");
        assert_eq!(described(&error), "it said: no");
    }
}
