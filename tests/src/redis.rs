//! A private Redis from the installed program, in a temporary folder, reached by a Unix socket there.

use std::{env, sync::OnceLock};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    guard::{Guard, Guarded, Signal},
    wait::{self, DEADLINE},
};

/// Names a server that others have started, by its URL.
pub const URL_VARIABLE: &str = "CTUTOR_TEST_REDIS_URL";

/// A server of this process's own.
#[derive(Debug)]
pub struct Server {
    // Before the folder, so that it ends before its files go.
    guard: Option<Guard>,
    folder: TempDir,
}

/// URL of the server named by [`URL_VARIABLE`], or else of one that this process starts and keeps to its end.
///
/// # Errors
/// There is none and it cannot be started.
pub fn shared_url() -> Result<String> {
    static OWN: OnceLock<Result<Server, String>> = OnceLock::new();
    if let Ok(url) = env::var(URL_VARIABLE) {
        return Ok(url);
    }
    match OWN.get_or_init(|| Server::start().map_err(|error| format!("{error:#}"))) {
        Ok(server) => Ok(server.url()),
        Err(error) => bail!("cannot start Redis: {error}"),
    }
}

impl Server {
    /// Starts one.
    ///
    /// # Errors
    /// Redis is not installed, or it did not become ready; the message has what it wrote.
    pub fn start() -> Result<Self> {
        let mut server = Self::stopped()?;
        server.resume()?;
        Ok(server)
    }

    /// Only chooses where it will be, for tests in which it comes later.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn stopped() -> Result<Self> {
        Ok(Self { guard: None, folder: TempDir::with_prefix("ctutor-redis-")? })
    }

    /// Its URL, also while it does not run.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("redis.sock").display())
    }

    /// Kills it; what it held is gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        let guard = self.guard.take().context("the server does not run")?;
        guard.signal(Signal::Kill)?;
        guard.release(DEADLINE)?;
        Ok(())
    }

    /// Halts or continues it, with its connections open.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.guard.as_ref().context("the server does not run")?.signal(signal)
    }

    /// Starts it, empty, at the same URL as before.
    ///
    /// # Errors
    /// It did not become ready.
    pub fn resume(&mut self) -> Result<()> {
        let socket = self.folder.path().join("redis.sock");
        let guard = Guarded::new("redis-server", self.folder.path(), "redis")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no", "--unixsocket"])
            .arg(&socket)
            .removes_folder()
            .start()?;
        let ready = wait::until("Redis", || {
            if let Some(status) = guard.exited() {
                bail!("Redis ended with status {status} (`scripts/setup test` installs it)");
            }
            Ok(std::os::unix::net::UnixStream::connect(&socket).ok())
        });
        ready.with_context(|| guard.last_words())?;
        self.guard = Some(guard);
        Ok(())
    }
}
