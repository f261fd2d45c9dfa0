//! One command from its start to its end.
//!
//! The order at the end matters: the children are killed, the namespace is awaited, the rest of the output is read.
//! After that nothing of the command is left that could write to its folders.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Seek, Write},
    mem,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    runtime::Handle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Cause, Error, Exit, Limits, Line, Outcome, Stream,
    cgroup::Group,
    confinement::CommandLine,
    cores::CoreLease,
    disk::{self, Breach},
    launcher::{Start, Status},
    machine_view::MachineView,
    output::Reader,
    running_time::RunningTime,
    spawner,
    system_calls::{self, Filters, Given},
    users::UserLease,
    watchdog::{self, Excess, First, Seen, Watch, Watchdog},
};

/// How long the kernel may take to end what was killed.
const END_TIMEOUT: Duration = Duration::from_secs(5);
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;
const SIGSYS: i32 = 31;

/// A command that is ready to be started.
pub(crate) struct Launch {
    pub(crate) line: CommandLine,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    pub(crate) stdin: Vec<u8>,
    pub(crate) limits: Limits,
    pub(crate) writable: Vec<PathBuf>,
    pub(crate) group: Option<Group>,
    /// What is given back when the command has ended.
    pub(crate) held: Held,
    pub(crate) user: Arc<UserLease>,
    pub(crate) filters: Option<Arc<Filters>>,
    pub(crate) ending: Ending,
}

/// What a command has for itself while it runs.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) cores: Option<CoreLease>,
    pub(crate) view: Option<MachineView>,
}

/// How the command's processes are ended, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Namespace,
    ProcessGroup,
}

struct Running {
    /// None once they have ended.
    processes: Option<Processes>,
    stdout: Reader<ChildStdout>,
    stderr: Reader<ChildStderr>,
    watchdog: Watch,
    seen: Arc<Seen>,
    time: Arc<RunningTime>,
    breach: Option<Breach>,
    _held: Held,
}

struct Processes {
    child: Child,
    root: u32,
    first: First,
    ending: Ending,
    /// None of another command before these have ended.
    user: Arc<UserLease>,
}

pub(crate) async fn run(
    launch: Launch,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(Line<'_>) + Send),
) -> Result<(Outcome, Start), Error> {
    let limits = launch.limits.clone();
    let writable = launch.writable.clone();
    let (mut running, status, group) = start(launch).await?;
    let ended = running.pump(&limits, cancel, on_line).await;
    let wall = running.time.elapsed();
    running.kill().await;
    let exit = ended?;
    // What is left in the pipes is little, and ends when all who could write are gone.
    let _ = tokio::time::timeout(END_TIMEOUT, running.drain(on_line)).await;
    let (exit, cause) = running.judge(exit, group.as_ref(), writable, limits).await;
    let outcome = Outcome {
        exit,
        detail: cause.as_ref().map(ToString::to_string),
        cause,
        stdout: mem::take(&mut running.stdout.captured),
        stderr: mem::take(&mut running.stderr.captured),
        wall,
    };
    Ok((outcome, if system_calls::KNOWN { status.read() } else { Start::Untold }))
}

async fn start(launch: Launch) -> Result<(Running, Status, Option<Group>), Error> {
    let mut argv = launch.line.argv.into_iter();
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
    let pipe = || launch.user.pipe().map_err(Error::io("making a pipe for the command"));
    let (input, (stdout, stdout_end), (stderr, stderr_end)) = (pipe()?, pipe()?, pipe()?);
    command.stdin(if launch.stdin.is_empty() { Stdio::null() } else { input.0.into() });
    command.stdout(stdout_end).stderr(stderr_end).process_group(0).kill_on_drop(true);
    let (status, writer) = Status::new().map_err(Error::io("making a pipe for the start"))?;
    let options = file_of(&launch.line.options).map_err(Error::io("writing the options of the sandbox"))?;
    let given = Given { filters: launch.filters.as_deref(), status: writer, options };
    given.hand_to(&mut command).map_err(Error::io("handing over the filters of system calls"))?;
    let child = spawner::spawn(command).await.map_err(Error::io("starting the command"))?;
    let stdout = ChildStdout::from_std(OwnedFd::from(stdout).into());
    let stderr = ChildStderr::from_std(OwnedFd::from(stderr).into());
    let (stdout, stderr) =
        stdout.and_then(|stdout| Ok((stdout, stderr?))).map_err(Error::io("reading the outputs"))?;
    if !launch.stdin.is_empty() {
        let input = ChildStdin::from_std(OwnedFd::from(input.1).into());
        let mut input = input.map_err(Error::io("writing the input"))?;
        // A program that does not read its input breaks the pipe when it ends.
        tokio::spawn(async move { input.write_all(&launch.stdin).await });
    }
    let root = child.id().ok_or(Error::Setup { message: "the command has no process ID".into() })?;
    let first = First::default();
    let (seen, time) = (Arc::default(), Arc::new(RunningTime::start()));
    let watchdog = Watchdog {
        root,
        first: (launch.ending == Ending::Namespace).then(|| Arc::clone(&first)),
        limits: launch.limits.clone(),
        writable: launch.writable,
        time: Arc::clone(&time),
        seen: Arc::clone(&seen),
    };
    let captured_bytes = launch.limits.captured_bytes;
    let running = Running {
        stdout: Reader::new(Some(stdout), Stream::Stdout, captured_bytes),
        stderr: Reader::new(Some(stderr), Stream::Stderr, captured_bytes),
        watchdog: watchdog.start().map_err(Error::io("watching the command"))?,
        processes: Some(Processes { child, root, first, ending: launch.ending, user: launch.user }),
        seen,
        time,
        breach: None,
        _held: launch.held,
    };
    Ok((running, status, launch.group))
}

/// Words, each with a zero byte at its end, to be read from the beginning. The file has no name.
fn file_of(words: &[OsString]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let words = words.iter().flat_map(|word| word.as_encoded_bytes().iter().copied().chain([0]));
    file.write_all(&words.collect::<Vec<_>>())?;
    file.rewind()?;
    Ok(file)
}

impl Running {
    /// Reads the output until something ends the command.
    async fn pump(
        &mut self,
        limits: &Limits,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Exit, Error> {
        let processes = self.processes.as_mut().expect("a command has processes until it is killed");
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(Exit::Canceled),
                excess = &mut self.watchdog.excess => {
                    let gone = |fault| Error::Io { what: "watching the command", source: io::Error::other(fault) };
                    let excess = excess.map_err(gone)?;
                    if let Excess::Disk(breach) = excess {
                        self.breach = Some(breach);
                    }
                    return Ok(excess.into());
                }
                filled = self.stdout.fill(), if self.stdout.is_open() => self.stdout.take(filled, on_line),
                filled = self.stderr.fill(), if self.stderr.is_open() => self.stderr.take(filled, on_line),
                status = processes.child.wait() => {
                    let status = status.map_err(Error::io("waiting for the command"))?;
                    return Ok(processes.read_status(status));
                }
            }
            if self.stdout.read_bytes + self.stderr.read_bytes > limits.output_bytes {
                return Ok(Exit::OutputLimit);
            }
        }
    }

    async fn kill(&mut self) {
        if let Some(processes) = &mut self.processes {
            processes.kill().await;
        }
        self.processes = None;
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

    /// Finds the limit behind an end that does not tell of it.
    async fn judge(
        &mut self,
        exit: Exit,
        group: Option<&Group>,
        writable: Vec<PathBuf>,
        limits: Limits,
    ) -> (Exit, Option<Cause>) {
        let by_itself = matches!(exit, Exit::Exited(_) | Exit::Signaled(_));
        let out_of_memory =
            exit == Exit::MemoryLimit || by_itself && group.is_some_and(Group::ran_out_of_memory);
        // Many processes take much memory: the cause is told, not its consequence.
        if out_of_memory && self.seen.crowded.load(Ordering::Relaxed) {
            return (Exit::ProcessLimit, None);
        }
        if out_of_memory {
            return (Exit::MemoryLimit, None);
        }
        // A process that ignores the first signal is killed a second later.
        let cpu_spent = exit == Exit::Signaled(SIGKILL) && self.seen.cpu_spent.load(Ordering::Relaxed);
        match exit {
            _ if cpu_spent || exit == Exit::Signaled(SIGXCPU) => {
                return (Exit::TimedOut, Some(Cause::CpuTime { limit: limits.cpu }));
            }
            Exit::Signaled(SIGXFSZ) => {
                return (Exit::DiskLimit, Some(Cause::FileSize { limit_bytes: limits.file_size_bytes }));
            }
            Exit::Signaled(SIGSYS) => return (exit, Some(Cause::OtherArchitecture)),
            _ => {}
        }
        if by_itself {
            // Between two samples a program may have written much and ended.
            let measured = tokio::task::spawn_blocking(move || disk::breach(&writable, &limits, &[])).await;
            self.breach = measured.unwrap_or(None);
        }
        match self.breach {
            Some(breach) => (Exit::DiskLimit, breach.detail().map(Cause::Uncountable)),
            None => (exit, None),
        }
    }
}

impl Drop for Running {
    /// The caller does not wait for the end of a dropped run, but the steps keep their order.
    fn drop(&mut self) {
        let Some(mut processes) = self.processes.take() else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                processes.kill().await;
                // This may give back many files.
                let _ = tokio::task::spawn_blocking(move || drop(processes.user)).await;
            });
        }
    }
}

impl Processes {
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
            watchdog::await_first(self.root, &self.first).await;
        }
        let _ = self.child.start_kill();
        if let Some(first) = self.first.get() {
            kill_first(first);
        }
        let ended = tokio::time::timeout(END_TIMEOUT, async {
            let _ = self.child.wait().await;
            await_end(&self.first).await
        });
        if !ended.await.unwrap_or(false) {
            // One that waits in the kernel for a broken device cannot be killed.
            tracing::warn!(
                user = self.user.id,
                "a process of a command could not be ended; its user is given to no other command"
            );
            Arc::clone(&self.user).retire();
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
fn kill_first(first: &OwnedFd) {
    let _ = rustix::process::pidfd_send_signal(first, rustix::process::Signal::KILL);
}

#[cfg(not(target_os = "linux"))]
fn kill_first(_: &OwnedFd) {}

/// To be called when the child has ended, the parent of `first`. Returns whether that has ended too.
async fn await_end(first: &First) -> bool {
    let Some(first) = first.get().map(Arc::clone) else { return true };
    let ended = tokio::task::spawn_blocking(move || {
        let has_ended = poll_end(&first, END_TIMEOUT);
        if has_ended {
            reap(&first);
        }
        has_ended
    });
    ended.await.unwrap_or(false)
}

/// A descriptor of a process becomes readable when the process has ended.
fn poll_end(process: &OwnedFd, timeout: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let timeout = Timespec { tv_sec: timeout.as_secs().cast_signed(), tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0)
}

/// bubblewrap does not wait for the first process of its namespace, which so becomes a child of process 1.
/// In a container that may be this very process. Elsewhere the process is not a child and the call has no effect.
#[cfg(target_os = "linux")]
fn reap(process: &OwnedFd) {
    use std::os::fd::AsFd;

    use rustix::process::{WaitId, WaitIdOptions, waitid};

    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}

#[cfg(not(target_os = "linux"))]
fn reap(_: &OwnedFd) {}
