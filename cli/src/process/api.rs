use std::net::SocketAddr;

use anyhow::Context;
use ctutor_api::{Server, TokenVerifier};
use ctutor_engine::Engine;
use tokio::net::TcpListener;

use super::Services;
use crate::{
    config::{Config, Listen},
    remedy,
};

/// A socket that clients can connect to, though nobody answers yet.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes the address, or says why not and what to do; `another` says how to choose another one.
    pub(crate) async fn bind(listen: &Listen, another: &str) -> anyhow::Result<Self> {
        let bound = TcpListener::bind((listen.host.as_str(), listen.port)).await;
        let inner = bound.map_err(|error| {
            let remedy = remedy::of_address(&error, listen, another);
            anyhow::anyhow!("cannot listen on {listen}: {error}; {remedy}")
        })?;
        let address = inner.local_addr().with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self { inner, address })
    }

    /// An address that works in a browser of this machine.
    pub(crate) fn url(&self) -> String {
        let port = self.address.port();
        match self.address.ip() {
            ip if ip.is_unspecified() => format!("http://127.0.0.1:{port}"),
            std::net::IpAddr::V6(ip) => format!("http://[{ip}]:{port}"),
            std::net::IpAddr::V4(ip) => format!("http://{ip}:{port}"),
        }
    }
}

/// Serves the API until the process stops.
pub(crate) fn serve(
    services: &mut Services,
    engine: &Engine,
    config: &Config,
    verifier: TokenVerifier,
    listener: Listener,
) {
    let server = Server::new(engine.client(), verifier, config.api_options(), services.shutdown());
    tracing::info!(address = %listener.address, "API listening");
    services.spawn("API", async {
        ctutor_api::serve(listener.inner, server).await?;
        tracing::info!("API stopped");
        Ok(())
    });
}
