use std::{borrow::Cow, io, time::Duration};

/// What became of a command. A program that misbehaves is an outcome and not an error.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub exit: Exit,
    /// What the exit alone does not say, in words for the author of the program.
    pub detail: Option<String>,
    pub stdout: Captured,
    pub stderr: Captured,
    pub wall: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Exited(i32),
    /// Ended by a signal. A program that exits with a status of 129 to 192 looks the same.
    Signaled(i32),
    TimedOut,
    OutputLimit,
    MemoryLimit,
    ProcessLimit,
    /// The writable folders became too large, or cannot be measured.
    DiskLimit,
    Canceled,
}

/// The beginning of an output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub truncated: bool,
}

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

    pub(crate) fn push(&mut self, bytes: &[u8], bytes_max: usize) {
        let room = bytes_max.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.truncated |= bytes.len() > room;
    }
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
