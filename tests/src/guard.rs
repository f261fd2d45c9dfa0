//! Child processes that cannot outlive the test.
//!
//! A server that a killed test leaves behind would hold memory and a folder until someone notices. So each child
//! runs under a shell that waits on a pipe from us, in a process group of its own: however this process ends,
//! the pipe closes, and the shell kills the child and removes its folder. Asking the kernel for a signal at the
//! parent's death would not do, as it means the death of the *thread*, and each test has its own.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

const SCRIPT: &str = include_str!("guard.sh");

/// Something to send to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends it at once; it cannot react.
    Kill,
    /// What Ctrl-C sends.
    Interrupt,
    /// What service managers send.
    Terminate,
    /// PostgreSQL's immediate shutdown.
    Quit,
    /// Halts it with its connections open.
    Stop,
    /// Lets it run again.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
            Self::Quit => "QUIT",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// A user to run as, where the program refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What to run.
#[derive(Debug)]
pub struct Guarded {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    folder: PathBuf,
    name: String,
    end: Signal,
    user: Option<User>,
    remove_folder: bool,
}

impl Guarded {
    /// This program, run in the folder, where it writes `NAME.out` and `NAME.err`.
    pub fn new(program: impl Into<OsString>, folder: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            folder: folder.into(),
            name: name.into(),
            end: Signal::Kill,
            user: None,
            remove_folder: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable, or takes it away.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: Option<impl Into<OsString>>) -> Self {
        self.env.push((key.into(), value.map(Into::into)));
        self
    }

    /// Sends this instead of a kill when the guard is dropped or this process dies.
    #[must_use]
    pub fn end_with(mut self, signal: Signal) -> Self {
        self.end = signal;
        self
    }

    /// Runs as this user.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Also removes the folder at the end, for owners that may not come to it.
    #[must_use]
    pub fn removes_folder(mut self) -> Self {
        self.remove_folder = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// The shell cannot be started. A program that is missing shows in [`Guard::exited`].
    pub fn start(self) -> Result<Guard> {
        let stdout = self.folder.join(format!("{}.out", self.name));
        let stderr = self.folder.join(format!("{}.err", self.name));
        let removed: &Path = if self.remove_folder { &self.folder } else { Path::new("") };
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guard", self.end.name()]).arg(removed).arg(&stdout).arg(&stderr);
        command.arg(&self.program).args(&self.args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.current_dir(&self.folder).process_group(0);
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        let child = command.spawn().with_context(|| format!("cannot start `{}`", self.program.display()))?;
        Guard::watch(child, self.name, stdout, stderr)
    }
}

/// A running child; dropping it ends the child and waits for that.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    /// The child lives while this is open.
    pipe: Option<ChildStdin>,
    name: String,
    pid: u32,
    exit: Arc<Exit>,
    stdout: PathBuf,
    stderr: PathBuf,
}

#[derive(Debug, Default)]
struct Exit {
    status: Mutex<Option<i32>>,
    changed: Condvar,
}

impl Guard {
    fn watch(mut shell: Child, name: String, stdout: PathBuf, stderr: PathBuf) -> Result<Self> {
        let pipe = shell.stdin.take();
        let mut lines = BufReader::new(shell.stdout.take().context("the shell's output is piped")?).lines();
        let pid = lines.next().context("the guard ended before it started anything")??.parse()?;
        let exit = Arc::new(Exit::default());
        let told = Arc::clone(&exit);
        thread::spawn(move || {
            // No line means that the shell itself was killed; nobody can say how the child fared.
            let status = lines.next().and_then(Result::ok).and_then(|line| line.parse().ok()).unwrap_or(-1);
            *told.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
            told.changed.notify_all();
        });
        Ok(Self { shell, pipe, name, pid, exit, stdout, stderr })
    }

    /// Process id of the child, not of the shell around it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal to the child.
    ///
    /// # Errors
    /// The child has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if let Some(status) = self.exited() {
            bail!("`{}` has ended with status {status}", self.name);
        }
        let status = send(signal, self.pid)?;
        if !status.success() {
            bail!("cannot signal `{}` (process {})", self.name, self.pid);
        }
        Ok(())
    }

    /// Exit status of a child that has ended; 128 and the signal's number when one ended it.
    #[must_use]
    pub fn exited(&self) -> Option<i32> {
        *self.exit.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of the child and returns its exit status, as [`Guard::exited`] tells it.
    ///
    /// # Errors
    /// It still runs after this time; the message has what it wrote last.
    pub fn wait(&self, at_most: Duration) -> Result<i32> {
        let status = self.exit.status.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.exit.changed.wait_timeout_while(status, at_most, |status| status.is_none());
        let (status, _) = ended.unwrap_or_else(PoisonError::into_inner);
        status.with_context(|| format!("`{}` still runs after {at_most:?}\n{}", self.name, self.last_words()))
    }

    /// Waits for the end of the child and leaves its folder to its owner.
    ///
    /// # Errors
    /// It still runs after this time.
    pub fn release(mut self, at_most: Duration) -> Result<i32> {
        let status = self.wait(at_most)?;
        if let Some(pipe) = &mut self.pipe {
            pipe.write_all(b"keep\n").context("the guard was killed")?;
        }
        Ok(status)
    }

    /// What the child wrote to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What the child wrote to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// The end of both outputs, for the message of a failure.
    #[must_use]
    pub fn last_words(&self) -> String {
        let tail = |text: String| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
        };
        format!("--- standard output\n{}\n--- standard error\n{}", tail(self.stdout()), tail(self.stderr()))
    }
}

const LAST_LINES: usize = 30;

impl Drop for Guard {
    fn drop(&mut self) {
        // A child that was halted would not notice the signal that ends it, unless that is a kill.
        if self.exited().is_none() {
            let _ = send(Signal::Continue, self.pid);
        }
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

fn send(signal: Signal, pid: u32) -> Result<ExitStatus> {
    let mut command = Command::new("kill");
    command.args(["-s", signal.name(), &pid.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().context("cannot run `kill`")
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
