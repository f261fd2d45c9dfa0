//! The real `ctutor` program as a child process.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    guard::{Guard, Guarded, Signal},
    wait::{self, DEADLINE},
};

/// Names the program to test, where it is not beside the tests.
pub const BINARY_VARIABLE: &str = "CTUTOR_BIN";

/// A command line of `ctutor` with its environment.
#[derive(Debug, Clone)]
pub struct Ctutor {
    program: Option<PathBuf>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

/// A running `ctutor`; killed when dropped.
#[derive(Debug)]
pub struct Process {
    guard: Guard,
    /// Working folder and outputs.
    folder: TempDir,
}

/// What became of a command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Exit status.
    pub status: i32,
    /// All that it wrote to standard output.
    pub stdout: String,
    /// All that it wrote to standard error.
    pub stderr: String,
}

impl Ctutor {
    /// With these arguments.
    pub fn new<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        Self { program: None, args, env: Vec::new() }
    }

    /// Runs this program instead, for instance one of an older version.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Sets a variable. It inherits no variable of `ctutor` from the tests' own environment.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Starts it in an empty folder of its own, without waiting for anything.
    ///
    /// # Errors
    /// The program has not been built.
    pub fn start(&self) -> Result<Process> {
        let folder = TempDir::with_prefix("ctutor-process-")?;
        let program = self.program.clone().map_or_else(binary, Ok)?;
        let mut guarded = Guarded::new(program, folder.path(), "ctutor").args(&self.args).removes_folder();
        for (key, _) in env::vars_os().filter(|(key, _)| is_ours(key)) {
            guarded = guarded.env(key, None::<OsString>);
        }
        for (key, value) in &self.env {
            guarded = guarded.env(key, Some(value));
        }
        Ok(Process { guard: guarded.start()?, folder })
    }

    /// Runs it to its end and returns what it wrote to standard output.
    ///
    /// # Errors
    /// It ended with another status than 0, or not in time.
    pub fn run(&self) -> Result<String> {
        let process = self.start()?;
        match process.wait()? {
            0 => Ok(process.stdout()),
            status => {
                bail!("`ctutor {}` ended with status {status}\n{}", self.shown(), process.guard.last_words())
            }
        }
    }

    /// Runs it to its end, however that is.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn finish(&self) -> Result<Finished> {
        let process = self.start()?;
        let status = process.wait()?;
        Ok(Finished { status, stdout: process.stdout(), stderr: process.stderr() })
    }

    fn shown(&self) -> String {
        self.args.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }
}

impl Process {
    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Working folder of the process.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it wrote to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.guard.stdout()
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.guard.stderr()
    }

    /// Waits until either output gives a value.
    ///
    /// # Errors
    /// It ended first, or does not come to it in time; the message has what it wrote last.
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let found = wait::until(what, || {
            let ended = self.guard.exited();
            if let Some(value) = find(&self.stdout()).or_else(|| find(&self.stderr())) {
                return Ok(Some(value));
            }
            match ended {
                Some(status) => bail!("`ctutor` ended with status {status} before {what}"),
                None => Ok(None),
            }
        });
        found.with_context(|| self.guard.last_words())
    }

    /// Waits until it has printed the address that it listens on, and then until `/readyz` there says yes.
    /// Returns the address without a slash at the end.
    ///
    /// # Errors
    /// It ended first, or does not come to it in time.
    pub async fn ready(&self) -> Result<String> {
        let base = self.wait_for("the address it listens on", printed_address)?;
        let http = reqwest::Client::new();
        let url = format!("{base}/readyz");
        let ready = wait::until_async(format!("`{url}`"), async || {
            if let Some(status) = self.guard.exited() {
                bail!("`ctutor` ended with status {status} before it was ready");
            }
            let answer = http.get(&url).send().await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        });
        ready.await.with_context(|| self.guard.last_words())?;
        Ok(base)
    }

    /// Kills it, as if the machine had lost power, and waits for its end.
    ///
    /// # Errors
    /// It had ended before.
    pub fn kill9(&self) -> Result<()> {
        self.guard.signal(Signal::Kill)?;
        self.guard.wait(DEADLINE)?;
        Ok(())
    }

    /// Asks it to shut down, as Ctrl-C does; [`Process::wait`] tells when it has. A program that installs no handler
    /// ignores it, as it was started beside a shell.
    ///
    /// # Errors
    /// It had ended before.
    pub fn interrupt(&self) -> Result<()> {
        self.guard.signal(Signal::Interrupt)
    }

    /// Sends any signal.
    ///
    /// # Errors
    /// It had ended before.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.guard.signal(signal)
    }

    /// Waits for its end and returns the exit status.
    ///
    /// # Errors
    /// It still runs at the deadline; the message has what it wrote last.
    pub fn wait(&self) -> Result<i32> {
        self.guard.wait(DEADLINE)
    }

    /// Its exit status, if it has ended.
    #[must_use]
    pub fn exited(&self) -> Option<i32> {
        self.guard.exited()
    }
}

/// The program: named by [`BINARY_VARIABLE`], or built into the folder above the running test's.
///
/// # Errors
/// It has not been built.
pub fn binary() -> Result<PathBuf> {
    let path = match env::var_os(BINARY_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => built_beside(&env::current_exe()?)?,
    };
    if !path.is_file() {
        bail!(
            "`{}` does not exist: build it first (`cargo build --workspace --bin ctutor`, or `make test`), or set \
             `{BINARY_VARIABLE}`",
            path.display()
        );
    }
    Ok(path)
}

/// The program in the target folder that the running test is of. `cargo test` builds only the tests, so the program
/// is built here, once a process; under nextest, `scripts/build-program` has done so and has set [`BINARY_VARIABLE`].
fn built_beside(own: &Path) -> Result<PathBuf> {
    static BUILT: Mutex<bool> = Mutex::new(false);
    let folder = own.ancestors().find(|folder| folder.join("deps").is_dir());
    let folder = folder.context("the tests do not run from a target folder; set `CTUTOR_BIN`")?;
    if let Some(cargo) = env::var_os("CARGO") {
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        if !*built {
            let mut command = Command::new(cargo);
            command.args(["build", "--quiet", "--workspace", "--bin", "ctutor"]);
            if folder.ends_with("release") {
                command.arg("--release");
            }
            let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
            anyhow::ensure!(status.success(), "`ctutor` could not be built: {command:?} ended with {status}");
            *built = true;
        }
    }
    Ok(folder.join("ctutor"))
}

fn is_ours(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    key.starts_with("CTUTOR_") || key == "DATABASE_URL" || key == "REDIS_URL"
}

/// The first complete `http://HOST:PORT` in a text.
fn printed_address(text: &str) -> Option<String> {
    // Not from a line that is still being written: its port may lack a digit.
    let complete = &text[..=text.rfind('\n')?];
    let address = &complete[complete.find("http://")?..];
    let end = address.find(|c: char| c.is_whitespace() || "/\"'`,;)\u{1b}".contains(c) && c != '/');
    let address = address[..end.unwrap_or(address.len())].trim_end_matches('.');
    let host_end = address["http://".len()..].find('/').map_or(address.len(), |at| "http://".len() + at);
    Some(address[..host_end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_line_for_people_and_in_one_for_machines() {
        let address = |text: &str| printed_address(text);
        assert_eq!(
            address("ctutor api listens on http://127.0.0.1:4000\n").as_deref(),
            Some("http://127.0.0.1:4000")
        );
        assert_eq!(address("GraphQL: http://[::1]:4000/graphql.\n").as_deref(), Some("http://[::1]:4000"));
        assert_eq!(
            address("{\"url\":\"http://localhost:4000\"}\n").as_deref(),
            Some("http://localhost:4000")
        );
        assert_eq!(address("listens on http://127.0.0.1:40"), None);
        assert_eq!(address("nothing\n"), None);
    }
}
