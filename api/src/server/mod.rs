//! Everything behind one router, and how it is served.

mod connections;
mod cors;
mod health;
mod observe;
mod options;
mod retry_after;

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{Router, middleware, routing::get};
use ctutor_engine::client::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use cors::{Cors, CorsHeaders};
pub use options::Options;

use crate::{TokenVerifier, app::App, graphql, metrics::Metrics, playground, rest, transport};

/// The API, ready to be served.
#[derive(Debug)]
pub struct Server {
    router: Router,
    gauges: transport::Gauges,
    shutdown: CancellationToken,
    drain_timeout: Duration,
    bounds: connections::Bounds,
}

impl Server {
    /// Builds the API. Must be called within a Tokio runtime.
    ///
    /// When `shutdown` is cancelled, streams end so that clients reconnect, and waiting calls return.
    #[must_use]
    pub fn new(
        client: Client,
        verifier: TokenVerifier,
        options: Options,
        shutdown: CancellationToken,
    ) -> Self {
        let payload_bytes_max = client.limits().payload_size_bytes_max;
        let body_bytes_max = Options::body_bytes_min(payload_bytes_max);
        let response_bytes_max =
            options.response_bytes_max.max(Options::response_bytes_min(payload_bytes_max));
        let app = Arc::new(App { client, policy: options.policy, metrics: Metrics::new() });
        let mut transport_options = options.transport;
        let body_timeout = transport_options.http.body_timeout;
        transport_options.http.body_bytes_max = transport_options.http.body_bytes_max.max(body_bytes_max);
        transport_options.websocket.origins =
            transport_options.websocket.origins.and(options.cors.origins.iter().cloned());
        let (graphql, gauges) = transport::router(
            graphql::schema(app.clone(), options.lists, options.complexity_max, response_bytes_max),
            graphql::rules(),
            verifier.clone(),
            transport_options,
            shutdown.clone(),
        );
        let rest = rest::router(rest::Twin {
            app: app.clone(),
            verifier,
            body_bytes_max,
            body_timeout,
            wait_max: options.wait_max,
            shutdown: shutdown.clone(),
        });
        let router = Router::new()
            .merge(graphql)
            .merge(rest)
            .merge(health::router(app.clone(), gauges.clone(), options.health_timeout))
            .route("/", get(playground::answer))
            .route("/assets/{*path}", get(playground::answer))
            .fallback(rest::no_route)
            .layer(middleware::map_response(retry_after::add))
            .layer(middleware::from_fn_with_state(app, observe::observe));
        let router = match options.cors.layer() {
            Some(layer) => router.layer(layer),
            None => router,
        };
        let bounds = connections::Bounds {
            connections_max: options.connections_max,
            head_timeout: options.head_timeout,
        };
        Self { router, gauges, shutdown, drain_timeout: options.drain_timeout, bounds }
    }

    /// The routes alone, for a server of the caller.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Counts of open streams, sockets and operations.
    #[must_use]
    pub fn gauges(&self) -> &transport::Gauges {
        &self.gauges
    }
}

/// Serves until the server's shutdown token is cancelled, then lets requests, streams and sockets end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, server: Server) -> io::Result<()> {
    let Server { router, gauges, shutdown, drain_timeout, bounds } = server;
    let drained = async {
        connections::serve(listener, router, bounds, shutdown.clone()).await;
        gauges.idle().await;
    };
    let mut drained = pin!(drained);
    tokio::select! {
        () = &mut drained => return Ok(()),
        () = shutdown.cancelled() => {}
    }
    if tokio::time::timeout(drain_timeout, drained).await.is_err() {
        tracing::warn!(sockets = gauges.sockets(), "stopped waiting for clients to disconnect");
    }
    Ok(())
}
