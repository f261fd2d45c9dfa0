use std::{io::ErrorKind, net::SocketAddr};

use anyhow::Context;
use ctutor_api::{Policy, Server, TokenVerifier};
use ctutor_engine::Engine;
use tokio::net::TcpListener;

use super::Services;
use crate::config::{Api, Config, Listen};

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
    let server = Server::new(engine.client(), verifier, options(&config.api), services.shutdown());
    tracing::info!(address = %listener.address, "API listening");
    services.spawn("API", async {
        ctutor_api::serve(listener.inner, server).await?;
        tracing::info!("API stopped");
        Ok(())
    });
}

fn options(config: &Api) -> ctutor_api::Options {
    let mut options = ctutor_api::Options {
        policy: Policy { user_may_start: config.user_may_start.clone() },
        cors_origins: config.cors_origins.clone(),
        response_bytes_max: config.response_bytes_max.as_usize(),
        connections_max: config.connections_max.as_usize(),
        head_timeout: config.head_timeout.0,
        drain_timeout: config.drain_timeout.0,
        ..Default::default()
    };
    options.transport.sse.subject_streams_max = config.subject_streams_max.as_usize();
    options
}
