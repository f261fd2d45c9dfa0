//! Connections: bounded in number, and closed when a client sends no request.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use ctutor_engine::{chain, open_files};

/// Between two tries to accept a connection.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections_max: usize,
    pub(super) head_timeout: Duration,
}

/// Serves until `shutdown`, then until every connection has had its last answer.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections_max.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(bounds.head_timeout);
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            (place, accept(|| listener.accept()).await)
        };
        let (place, (stream, _)) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept => accepted,
        };
        send_at_once(&stream);
        let connection = connection(builder.clone(), stream, router.clone(), shutdown.clone());
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(error = %chain(&error), "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Accepts a connection. Where that fails, and not because of the client, it says why and goes on trying.
#[expect(
    clippy::disallowed_methods,
    reason = "the operating system is waited for, which no clock of the engine moves"
)]
async fn accept<T, F: Future<Output = io::Result<T>>>(mut listener: impl FnMut() -> F) -> T {
    let mut is_told = false;
    loop {
        let error = match listener().await {
            Ok(accepted) => {
                if is_told {
                    tracing::info!("connections are accepted again");
                }
                return accepted;
            }
            Err(error) => error,
        };
        if is_of_client(&error) {
            continue;
        }
        if !is_told {
            let remedy = open_files::remedy(&error).unwrap_or("look at the log of the system");
            tracing::error!(
                error = %chain(&error),
                "connections cannot be accepted, and clients wait; it is retried until it succeeds; {remedy}"
            );
            is_told = true;
        }
        tokio::time::sleep(ACCEPT_INTERVAL).await;
    }
}

/// Whether a client was gone before its connection was accepted.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Sends each message of a stream when it is written. Otherwise the kernel holds a small one back until the client has
/// acknowledged the one before, which clients delay by some 40 ms.
fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        // The connection has ended already.
        tracing::trace!(error = %chain(&error), "a connection broke");
    }
}

async fn connection(
    builder: http1::Builder,
    stream: TcpStream,
    router: Router,
    shutdown: CancellationToken,
) -> hyper::Result<()> {
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        result = connection.as_mut() => return result,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_limit_of_open_files_does_not_end_the_listener() {
        const EMFILE: i32 = 24;
        let mut found = vec![
            Ok("accepted"),
            Err(io::Error::from_raw_os_error(EMFILE)),
            Err(io::ErrorKind::ConnectionAborted.into()),
        ];
        let next = || ready(found.pop().expect("it goes on until one is accepted"));
        assert_eq!(accept(next).await, "accepted");
        assert!(found.is_empty());
    }

    #[tokio::test]
    async fn a_small_message_does_not_wait_for_the_one_before() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let _client = client.expect("the listener is there");
        let (stream, _) = accepted.expect("a client has come");
        assert!(!stream.nodelay().expect("an option of the socket"), "the kernel does it without our doing");
        send_at_once(&stream);
        assert!(stream.nodelay().expect("an option of the socket"));
    }
}
