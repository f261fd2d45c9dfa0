use std::{io::ErrorKind, net::SocketAddr};

use anyhow::Context;
use ctutor_api::{Server, TokenVerifier};
use ctutor_engine::Engine;
use tokio::net::TcpListener;

use super::Services;
use crate::config::{Config, Listen};

/// A socket that clients can connect to, though nobody answers yet.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes the address, or says who to ask about it.
    pub(crate) async fn bind(listen: &Listen, remedy: &str) -> anyhow::Result<Self> {
        let inner = match TcpListener::bind((listen.host.as_str(), listen.port)).await {
            Ok(inner) => inner,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                anyhow::bail!("{listen} is taken by another program; {remedy}")
            }
            Err(error) => return Err(error).with_context(|| format!("cannot listen on {listen}")),
        };
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
