//! What is measured.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{engine::RunningEngine, limit::Limit};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// The unavoidable statements alone.
    Limit,
    /// The engine by its Rust client, its worker in the same process.
    Engine,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Limit, Self::Engine];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Engine => "engine",
        }
    }
}

/// Something that runs workflows to their end. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Limit(Arc<Limit>),
    Engine(Arc<RunningEngine>),
}

impl Target {
    /// Prepares an empty database and starts what works on it.
    pub(crate) async fn open(kind: Kind, url: &str) -> Result<Self> {
        Ok(match kind {
            Kind::Limit => Self::Limit(Arc::new(Limit::open(url).await?)),
            Kind::Engine => Self::Engine(Arc::new(RunningEngine::open(url).await?)),
        })
    }

    /// Submits a workflow of so many activities in a row and waits for its durable end.
    pub(crate) async fn run_to_end(&self, steps: u32) -> Result<()> {
        match self {
            Self::Limit(limit) => limit.run_to_end(steps).await,
            Self::Engine(engine) => engine.run_to_end(steps).await,
        }
    }

    /// Ends what [`Target::open`] has started, which nothing uses any more.
    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Limit(limit) => Arc::into_inner(limit).context("a load still runs")?.close().await,
            Self::Engine(engine) => Arc::into_inner(engine).context("a load still runs")?.close().await,
        }
    }
}
