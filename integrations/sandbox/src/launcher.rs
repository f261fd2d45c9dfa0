//! Whether the command's program was started: a fact that the program cannot forge.
//!
//! What leads to the program (`bwrap`, `setpriv`, `prlimit`) writes to the same standard error and ends with the same
//! kinds of status as the program itself, so neither tells who speaks. The last on the way is therefore a shell that
//! tells on a pipe of its own:
//!
//! | on the pipe | then |
//! | --- | --- |
//! | nothing | the set-up failed, and the output is that of the sandbox's own programs |
//! | `ready` | the program was started, and status and output are its own |
//! | `ready`, `failed` | the kernel refused to start the program, and nothing else has run |
//!
//! The shell becomes the program. Its descriptor of the pipe is closed by that, and only where that fails it is open
//! again, so the program never has it. bubblewrap closes its own before it starts the shell.

use std::io::{self, PipeReader, PipeWriter, Read};

/// What the shell runs, called with the command line. Bash would end with the failure, before it opens the descriptor
/// again.
pub(crate) const SCRIPT: &str = r#"[ -z "${BASH_VERSION-}" ] || shopt -s execfail 2>/dev/null
trap 'echo failed >&7' EXIT
echo ready >&7
{ exec "$@"; } 7>&-
exit"#;
/// More than the shell ever says.
const TOLD_BYTES_MAX: u64 = 64;

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Something before the program failed.
    SetUpFailed,
    /// The kernel did not start the program.
    Refused,
    Started,
    /// There was nobody to tell it.
    Untold,
}

/// The end of the pipe that stays with the worker.
#[derive(Debug)]
pub(crate) struct Status(PipeReader);

impl Status {
    /// The other end is the shell's.
    pub(crate) fn new() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        Ok((Self(reader), writer))
    }

    /// To be called when the command has ended, since then nobody writes any more.
    pub(crate) fn read(self) -> Start {
        // Who outlives the command, where it is not confined, does not hold up the worker.
        if rustix::io::ioctl_fionbio(&self.0, true).is_err() {
            return Start::Untold;
        }
        let mut told = Vec::new();
        let _ = self.0.take(TOLD_BYTES_MAX).read_to_end(&mut told);
        match told.as_slice() {
            b"" => Start::SetUpFailed,
            b"ready\n" => Start::Started,
            _ => Start::Refused,
        }
    }
}
