use std::{fs, path::PathBuf, time::Duration};

use ctutor_sandbox::{Bind, Command, Limits, Outcome, Policy, Sandbox};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A folder with a program in it, and a sandbox to run it in.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) limits: Limits,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let sandbox = Sandbox::detect(Policy::Confined).await.unwrap();
        let limits = Limits { wall: Duration::from_secs(20), ..Limits::default() };
        let place = Self { folder: TempDir::new().unwrap(), sandbox, limits };
        fs::create_dir(place.work()).unwrap();
        place
    }

    /// The writable folder.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new(argv, self.work());
        command.binds.push(Bind::Writable(self.work()));
        command.limits = self.limits.clone();
        command
    }

    pub(crate) fn python(&self, script: &str) -> Command {
        self.command(&["/usr/bin/python3", "-c", script])
    }

    pub(crate) async fn run(&self, command: &Command) -> Outcome {
        self.sandbox.run(command, &CancellationToken::new()).await.unwrap()
    }
}

/// The numbers of the processes of this machine whose command line has `marker`.
pub(crate) fn processes_with(marker: &str) -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(marker.len()).any(|part| part == marker.as_bytes())
        })
        .filter(|pid| *pid != std::process::id())
        .collect()
}
