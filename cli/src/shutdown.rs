//! Stopping: the first signal asks, the second insists.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What shells report of a process that Ctrl-C ended.
const EXIT_FORCED: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels. The second one ends the process at once: nothing is lost by it,
/// other workers take over when the leases end.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) fn on_signals() -> io::Result<CancellationToken> {
    let mut signals = Signals::new()?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!("{name} received, stopping; once more to stop at once");
        token.cancel();
        let name = signals.next().await;
        tracing::warn!("{name} received again, stopping at once");
        std::process::exit(EXIT_FORCED);
    });
    Ok(shutdown)
}

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
