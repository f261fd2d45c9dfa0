//! Signals: the first one asks for a clean stop, the second one ends the process.

use std::{io, process::ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};
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
        std::process::exit(EXIT_INTERRUPTED.into());
    });
    Ok(shutdown)
}

/// Ends a command that only watches. The second signal ends the process at once, whatever it is doing.
#[derive(Debug)]
pub(crate) struct Interrupt {
    /// Until the first one.
    signals: Option<Signals>,
}

impl Interrupt {
    /// From now on signals are waited for, instead of ending the process.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { signals: Some(Signals::new()?) })
    }

    /// Waits for the first signal; the exit code says which one it was.
    pub(crate) async fn next(&mut self) -> ExitCode {
        let signals = self.signals.as_mut().expect("the first signal ends the command");
        let code = exit_code(signals.next().await);
        if let Some(mut signals) = self.signals.take() {
            tokio::spawn(async move {
                let code = exit_code(signals.next().await);
                std::process::exit(code.into());
            });
        }
        code.into()
    }
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
