//! The parts that a process of ctutor is made of, and how they run and stop together.

mod api;
mod engine;
mod services;
mod worker;

use std::{fmt::Display, process::ExitCode};

use ctutor_api::TokenVerifier;
use ctutor_engine::Engine;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

pub(crate) use self::{
    api::{Listener, serve},
    engine::{database_url, may, migrate, open, pending, refuse_unready},
    services::Services,
    worker::WorkerPart,
};

/// Serves the API and works until the process stops; says something once both are ready.
pub(crate) async fn run_all(
    engine: &Engine,
    config: &Config,
    verifier: TokenVerifier,
    listener: Listener,
    shutdown: CancellationToken,
    text: impl Display,
) -> anyhow::Result<ExitCode> {
    let worker = WorkerPart::new(config).await?;
    let mut services = Services::new(engine, shutdown);
    let worker = worker.start(&mut services, engine);
    serve(&mut services, engine, config, verifier, listener);
    services.run_with(worker, text).await
}
