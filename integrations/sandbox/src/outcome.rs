use std::{borrow::Cow, collections::VecDeque, io, time::Duration};

use crate::StartFailure;

/// How a command ended. A program that misbehaves is an outcome and not an error.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub exit: Exit,
    /// Why it ended that way, where the exit alone does not say it.
    pub cause: Option<Cause>,
    /// What the exit alone does not say, in words for the author of the program. The cause in words, if there is one.
    pub detail: Option<String>,
    pub stdout: Captured,
    pub stderr: Captured,
    /// How long it ran. Pauses of the worker do not count.
    pub wall: Duration,
}

/// Why a command ended as it did, where [`Exit`] leaves it open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// With [`Exit::Exited`]: a program could not be started.
    #[error("{0}")]
    NotStarted(StartFailure),
    /// With [`Exit::TimedOut`]: the limit of the processor time of a process was reached, not the wall-clock limit.
    #[error("a process used more than {} s of processor time", limit.as_secs().max(1))]
    CpuTime { limit: Duration },
    /// With [`Exit::DiskLimit`]: one file became larger than a file may be.
    #[error("it wrote a file larger than {} MiB", limit_bytes >> 20)]
    FileSize { limit_bytes: u64 },
    /// With [`Exit::DiskLimit`]: a folder cannot be counted, so it could be of any size.
    #[error("{0}")]
    Uncountable(String),
    /// With [`Exit::Signaled`]: 32-bit programs, and programs for another processor, are killed at their first system
    /// call.
    #[error(
        "it made a system call of another architecture, as 32-bit programs do; build it for this machine"
    )]
    OtherArchitecture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Exited(i32),
    /// Ended by a signal. A program that exits with a status of 129 to 192 looks the same.
    Signaled(i32),
    /// It ran longer than its wall-clock limit, or a process used up its processor time ([`Cause::CpuTime`]).
    TimedOut,
    OutputLimit,
    MemoryLimit,
    ProcessLimit,
    /// The writable folders became too large or cannot be measured, or one file did ([`Cause::FileSize`]).
    DiskLimit,
    Canceled,
}

/// The beginning and the end of an output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The beginning.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub truncated: bool,
    /// The last bytes of what came after the beginning.
    rest: VecDeque<u8>,
}

/// How much is kept of the end of an output stream, when it is longer than its beginning may be.
pub const TAIL_BYTES: usize = 16 << 10;

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the command is not usable: {reason}")]
    InvalidCommand { reason: &'static str },
    #[error("the sandbox could not be set up: {message}")]
    Setup { message: String },
    #[error("{what} failed")]
    Io { what: &'static str, source: io::Error },
}

impl Exit {
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The name of the signal that ended it, such as `SIGSEGV`.
    pub fn signal_name(self) -> Option<String> {
        match self {
            Self::Signaled(number) => Some(signal_name(number)),
            _ => None,
        }
    }

    /// Reads a status as shells and bubblewrap give it.
    pub(crate) fn from_code(code: i32) -> Self {
        match code {
            129..=192 => Self::Signaled(code - 128),
            code => Self::Exited(code),
        }
    }
}

impl Captured {
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// The end of the stream: at most so many bytes, and no more than [`TAIL_BYTES`] when it is truncated.
    pub fn tail(&self, bytes_max: usize) -> String {
        let rest = self.rest.iter().copied();
        let mut end: Vec<u8> = match bytes_max.saturating_sub(self.rest.len()) {
            // Between the beginning and what is kept of the end, something may be missing.
            room if self.truncated && self.rest.len() < TAIL_BYTES => {
                self.bytes[self.bytes.len().saturating_sub(room)..].iter().copied().chain(rest).collect()
            }
            _ if self.truncated => rest.collect(),
            _ => self.bytes.clone(),
        };
        end.drain(..end.len().saturating_sub(bytes_max));
        // The first character may have been cut.
        let cut = end.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count();
        String::from_utf8_lossy(&end[cut..]).into_owned()
    }

    pub(crate) fn push(&mut self, bytes: &[u8], bytes_max: usize) {
        let room = bytes_max.saturating_sub(self.bytes.len());
        let (beginning, rest) = bytes.split_at(bytes.len().min(room));
        self.bytes.extend_from_slice(beginning);
        self.truncated |= !rest.is_empty();
        self.rest.extend(&rest[rest.len().saturating_sub(TAIL_BYTES)..]);
        self.rest.drain(..self.rest.len().saturating_sub(TAIL_BYTES));
    }
}

fn signal_name(number: i32) -> String {
    /// As Linux numbers them on x86-64 and ARM64, from 1 on.
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    let known = usize::try_from(number).ok().and_then(|number| NAMES.get(number.checked_sub(1)?));
    known.map_or_else(|| format!("signal {number}"), |name| (*name).to_owned())
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_stream_is_kept_within_its_bound() {
        let mut captured = Captured::default();
        captured.push("0123é".as_bytes(), 8);
        assert_eq!((captured.tail(100), captured.tail(1)), ("0123é".into(), String::new()));
        captured.push(b"6789", 8);
        assert_eq!((captured.text().as_ref(), captured.truncated), ("0123é67", true));
        assert_eq!((captured.tail(3), captured.tail(5)), ("789".into(), "6789".into()), "no half character");
        for _ in 0..10 {
            captured.push(&[b'x'; TAIL_BYTES - 1], 8);
        }
        captured.push(b"end", 8);
        assert_eq!(captured.rest.len(), TAIL_BYTES);
        assert!(captured.tail(usize::MAX).ends_with("xxend") && captured.tail(usize::MAX).starts_with("xx"));
    }

    #[test]
    fn signals_have_names() {
        let name = |number| Exit::Signaled(number).signal_name().unwrap();
        assert_eq!([name(9), name(11), name(31), name(35)], ["SIGKILL", "SIGSEGV", "SIGSYS", "signal 35"]);
        assert_eq!(Exit::Exited(9).signal_name(), None);
    }
}
