//! The transports, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod guard;
mod hints;
mod http;
mod http_batch;
mod http_errors;
mod sse;
mod toy;
mod validation;
mod websocket;
mod websocket_limits;
mod ws_client;

use std::time::Duration;

/// Waits for something that must come. The time is only to end a test that would hang.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it comes")
}
