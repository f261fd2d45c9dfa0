//! Runs a command with one PostgreSQL and one Redis for all tests in it.

use std::{
    env,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result};
use ctutor_tests::{postgres, redis};

fn main() -> Result<ExitCode> {
    let mut args = env::args_os().skip(1);
    let program = args.next().context("usage: with-servers COMMAND [ARGUMENT…]")?;
    let postgres = postgres::Server::start()?;
    let redis = redis::Server::start()?;
    let status = Command::new(&program)
        .args(args)
        .env(postgres::URL_VARIABLE, postgres.url("postgres"))
        .env(redis::URL_VARIABLE, redis.url())
        .status()
        .with_context(|| format!("cannot run `{}`", program.display()))?;
    Ok(exit_code(status))
}

/// What a shell would report: 128 and the signal's number for a command that one ended.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
