//! Connections: bounded in number, and closed when a client sends no request.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{Router, serve::Listener};
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

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections_max: usize,
    pub(super) head_timeout: Duration,
}

/// Serves until `shutdown`, then until every connection has had its last answer.
pub(super) async fn serve(
    mut listener: TcpListener,
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
            (place, Listener::accept(&mut listener).await)
        };
        let (place, (stream, _)) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept => accepted,
        };
        send_at_once(&stream);
        let connection = connection(builder.clone(), stream, router.clone(), shutdown.clone());
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(error = %ctutor_engine::chain(&error), "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Sends each message of a stream when it is written. Otherwise the kernel holds a small one back until the client has
/// acknowledged the one before, which clients delay by some 40 ms.
fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        // The connection has ended already.
        tracing::trace!(error = %ctutor_engine::chain(&error), "a connection broke");
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
    use super::*;

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
