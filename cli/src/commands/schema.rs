use std::process::ExitCode;

use crate::output;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    output::data(ctutor_api::graphql::sdl().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
