use std::process::ExitCode;

use clap_complete::Shell;

use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell that reads the script
    shell: Shell,
}

impl Args {
    /// For the command line that `cli` describes.
    pub(super) fn run(self, cli: fn() -> clap::Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli(), "ctutor", &mut script);
        output::data(String::from_utf8_lossy(&script).trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
