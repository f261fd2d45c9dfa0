//! Signals: the first one asks for a clean stop, the second one ends the process.

use std::{io, process::ExitCode};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

/// What shells report of a process that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;
/// What shells report of a process that SIGTERM ended.
const EXIT_TERMINATED: u8 = 143;

/// A token that the first SIGINT or SIGTERM cancels. The second one ends the process at once. Nothing is lost:
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
    if signal == "SIGTERM" { EXIT_TERMINATED } else { EXIT_INTERRUPTED }
}

#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
