//! One command from its start to its end.
//!
//! The order at the end matters: the children are killed, the namespace is awaited, the rest of the output is read.
//! After that nothing of the command is left that could write to its folders.

use std::{ffi::OsString, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdout},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Exit, Limits, Line, Outcome, Stream,
    cgroup::Group,
    output::Reader,
    spawner,
    watchdog::{self, First, Watchdog},
};

/// How long the kernel may take to end what was killed.
const END_TIMEOUT: Duration = Duration::from_secs(5);
const SIGXCPU: i32 = 24;

/// A command that is ready to be started.
pub(crate) struct Launch {
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    pub(crate) stdin: Vec<u8>,
    pub(crate) limits: Limits,
    pub(crate) writable: Vec<PathBuf>,
    pub(crate) group: Option<Group>,
    pub(crate) ending: Ending,
}

/// How the command's processes are ended, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Namespace,
    ProcessGroup,
}

struct Running {
    child: Child,
    root: u32,
    first: First,
    stdout: Reader<ChildStdout>,
    stderr: Reader<ChildStderr>,
    watchdog: AbortOnDrop<Exit>,
    ending: Ending,
}

pub(crate) async fn run(
    launch: Launch,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(Line<'_>) + Send),
) -> Result<Outcome, Error> {
    let started = Instant::now();
    let limits = launch.limits.clone();
    let (mut running, group) = start(launch).await?;
    let ended = tokio::time::timeout_at(started + limits.wall, running.pump(&limits, cancel, on_line)).await;
    let exit = match ended.unwrap_or(Ok(Exit::TimedOut)) {
        Ok(exit) => exit,
        Err(fault) => {
            running.kill().await;
            return Err(fault);
        }
    };
    running.kill().await;
    // What is left in the pipes is little, and ends when all who could write are gone.
    let _ = tokio::time::timeout(END_TIMEOUT, running.drain(on_line)).await;
    let exit = match (exit, &group) {
        (Exit::Exited(_) | Exit::Signaled(_), Some(group)) if group.ran_out_of_memory() => Exit::MemoryLimit,
        (Exit::Signaled(SIGXCPU), _) => Exit::TimedOut,
        (exit, _) => exit,
    };
    Ok(Outcome {
        exit,
        stdout: running.stdout.captured,
        stderr: running.stderr.captured,
        wall: started.elapsed(),
    })
}

async fn start(launch: Launch) -> Result<(Running, Option<Group>), Error> {
    let mut argv = launch.argv.into_iter();
    let program = argv.next().ok_or(Error::InvalidCommand { reason: "it names no program" })?;
    let mut command = match &launch.group {
        // A shell joins the group and becomes the program, which is then in it from its first instruction.
        Some(group) => {
            let mut command = tokio::process::Command::new("/bin/sh");
            command.args(["-c", "echo 0 > \"$0\" && exec \"$@\""]).arg(group.entrance()).arg(program);
            command
        }
        None => tokio::process::Command::new(program),
    };
    command.args(argv).env_clear().envs(launch.env).current_dir(&launch.cwd);
    command.stdin(if launch.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = spawner::spawn(command).await.map_err(Error::io("starting the command"))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not read its input breaks the pipe when it ends.
        tokio::spawn(async move { pipe.write_all(&launch.stdin).await });
    }
    let root = child.id().ok_or(Error::Setup { message: "the command has no process ID".into() })?;
    let first = First::default();
    let watchdog = Watchdog {
        root,
        first: (launch.ending == Ending::Namespace).then(|| Arc::clone(&first)),
        limits: launch.limits.clone(),
        writable: launch.writable.into(),
    };
    let captured_bytes = launch.limits.captured_bytes;
    let running = Running {
        root,
        first,
        stdout: Reader::new(child.stdout.take(), Stream::Stdout, captured_bytes),
        stderr: Reader::new(child.stderr.take(), Stream::Stderr, captured_bytes),
        watchdog: AbortOnDrop(tokio::spawn(watchdog.watch())),
        child,
        ending: launch.ending,
    };
    Ok((running, launch.group))
}

impl Running {
    /// Reads the output until something ends the command.
    async fn pump(
        &mut self,
        limits: &Limits,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Exit, Error> {
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(Exit::Canceled),
                exceeded = &mut self.watchdog.0 => {
                    return exceeded.map_err(|fault| Error::Io { what: "watching the command", source: fault.into() });
                }
                filled = self.stdout.fill(), if self.stdout.is_open() => self.stdout.take(filled, on_line),
                filled = self.stderr.fill(), if self.stderr.is_open() => self.stderr.take(filled, on_line),
                status = self.child.wait() => {
                    let status = status.map_err(Error::io("waiting for the command"))?;
                    return Ok(self.read_status(status));
                }
            }
            if self.stdout.read_bytes + self.stderr.read_bytes > limits.output_bytes {
                return Ok(Exit::OutputLimit);
            }
        }
    }

    fn read_status(&self, status: std::process::ExitStatus) -> Exit {
        use std::os::unix::process::ExitStatusExt;

        match (status.code(), status.signal()) {
            (Some(code), _) if self.ending == Ending::Namespace => Exit::from_code(code),
            (Some(code), _) => Exit::Exited(code),
            (None, signal) => Exit::Signaled(signal.unwrap_or(0)),
        }
    }

    /// Ends all that is left, and returns when it has ended.
    async fn kill(&mut self) {
        if self.ending == Ending::ProcessGroup {
            kill_group(self.root);
        } else if self.child.id().is_some() {
            // Killed before the namespace has its first process, bubblewrap could leave one behind that waits for it.
            watchdog::seek_first(self.root, &self.first).await;
        }
        let _ = self.child.start_kill();
        if let Some(first) = self.first.get() {
            kill_first(first);
        }
        let _ = tokio::time::timeout(END_TIMEOUT, async {
            let _ = self.child.wait().await;
            await_end(&self.first).await;
        })
        .await;
    }

    async fn drain(&mut self, on_line: &mut (dyn FnMut(Line<'_>) + Send)) {
        while self.stdout.is_open() {
            let filled = self.stdout.fill().await;
            self.stdout.take(filled, on_line);
        }
        while self.stderr.is_open() {
            let filled = self.stderr.fill().await;
            self.stderr.take(filled, on_line);
        }
    }
}

fn kill_group(leader: u32) {
    let pid = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // The group is gone when its last member has ended; its number is not given away before.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
fn kill_first(first: &std::os::fd::OwnedFd) {
    let _ = rustix::process::pidfd_send_signal(first, rustix::process::Signal::KILL);
}

#[cfg(not(target_os = "linux"))]
fn kill_first(_: &std::os::fd::OwnedFd) {}

/// A descriptor of a process becomes readable when the process has ended.
async fn await_end(first: &First) {
    let Some(first) = first.get().map(Arc::clone) else { return };
    let _ = tokio::task::spawn_blocking(move || poll_end(&first, END_TIMEOUT)).await;
}

fn poll_end(process: &std::os::fd::OwnedFd, timeout: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let timeout = Timespec { tv_sec: timeout.as_secs().cast_signed(), tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0)
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
