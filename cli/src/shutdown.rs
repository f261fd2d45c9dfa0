//! Signals: the first one asks for a clean stop, the second one ends the process.

use std::{io, process::ExitCode};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

/// What shells report of a process that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;
/// What shells report of a process whose terminal was closed.
const EXIT_HANGUP: u8 = 129;
/// What shells report of a process that SIGTERM ended.
const EXIT_TERMINATED: u8 = 143;

/// A token that the first SIGINT, SIGTERM or SIGHUP cancels. The second one ends the process at once. Nothing is lost:
/// other workers take over when the leases expire.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) fn on_signals() -> io::Result<CancellationToken> {
    let mut signals = Signals::new()?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!("{name} received, stopping; send it again to stop at once");
        token.cancel();
        let name = signals.next().await;
        tracing::warn!("{name} received again, stopping at once");
        std::process::exit(exit_code(name).into());
    });
    Ok(shutdown)
}

/// Ends a client command. The second signal ends the process at once, whatever the command is doing: also while it
/// prints to a reader that does not read, and waits for no signal.
#[derive(Debug)]
pub(crate) struct Interrupt {
    first: oneshot::Receiver<u8>,
}

impl Interrupt {
    /// From now on the first signal is waited for, instead of ending the process.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, first) = oneshot::channel();
        let second = second(Signals::new()?, sender);
        tokio::spawn(async move { std::process::exit(second.await.into()) });
        Ok(Self { first })
    }

    /// Waits for the first signal, which may have come before; the exit code says which one it was.
    pub(crate) async fn next(&mut self) -> ExitCode {
        (&mut self.first).await.expect("the sender is kept until the first signal").into()
    }
}

/// Hands on the first signal and waits for the second one, as exit codes.
async fn second(mut signals: Signals, first: oneshot::Sender<u8>) -> u8 {
    // An error means that the command is about to end by itself.
    let _ = first.send(exit_code(signals.next().await));
    exit_code(signals.next().await)
}

fn exit_code(signal: &str) -> u8 {
    match signal {
        "SIGHUP" => EXIT_HANGUP,
        "SIGTERM" => EXIT_TERMINATED,
        _ => EXIT_INTERRUPTED,
    }
}

#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// SIGHUP counts unless the process was started to ignore it, as with `nohup`.
    fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let is_ignored = ignores_hangup(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        let hangup = if is_ignored { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt, terminate, hangup })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = received(self.hangup.as_mut()) => "SIGHUP",
        }
    }
}

async fn received(signal: Option<&mut Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether the status of a process, as Linux tells it, says that it ignores SIGHUP. Where that cannot be known, the
/// signal stays as it is.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first signal is SIGHUP.
    mask.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_under_nohup_ignores_a_closed_terminal() {
        assert!(ignores_hangup("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n"));
        assert!(!ignores_hangup("SigIgn:\t0000000000001000\n"));
        assert!(ignores_hangup(""));
    }
}
