use std::{fmt::Display, future::Future, process::ExitCode};

use ctutor_engine::{Engine, worker::Handle};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::output;

/// The long-running parts of a process. They stop together: when one fails, the process must be replaced as a whole.
#[derive(Debug)]
pub(crate) struct Services {
    shutdown: CancellationToken,
    tasks: JoinSet<Ended>,
}

/// How a part ended.
#[derive(Debug)]
struct Ended {
    name: &'static str,
    result: anyhow::Result<()>,
}

impl Services {
    /// The parts of every process: maintenance, and a watch on the thread that writes to the database.
    pub(crate) fn new(engine: &Engine, shutdown: CancellationToken) -> Self {
        let mut services = Self { shutdown, tasks: JoinSet::new() };
        let maintenance = engine.maintenance().run(services.shutdown.clone());
        services.spawn("maintenance", async {
            maintenance.await;
            Ok(())
        });
        let (engine, shutdown) = (engine.clone(), services.shutdown());
        services.spawn("database writer", async move {
            tokio::select! {
                () = engine.closed() => {}
                () = shutdown.cancelled() => {}
            }
            Ok(())
        });
        services
    }

    /// Cancelled when the process stops.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a part, which ends when [`Services::shutdown`] is cancelled.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        part: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { Ended { name, result: part.await } });
    }

    /// Like [`Services::run`], and says something once the worker is ready.
    pub(crate) async fn run_with(self, mut worker: Handle, text: impl Display) -> anyhow::Result<ExitCode> {
        let ready = async {
            worker.ready().await;
            output::announce(text);
        };
        let (result, ()) = tokio::join!(self.run(), ready);
        result?;
        Ok(ExitCode::SUCCESS)
    }

    /// Waits until a part fails before it should have ended.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let result = self.judge(ended);
            // All of them end now, each in its own time; the first reason is the one to tell.
            self.shutdown.cancel();
            outcome = outcome.and(result);
        }
        outcome
    }

    fn judge(&self, ended: Result<Ended, JoinError>) -> anyhow::Result<()> {
        let Ended { name, result } = match ended {
            Ok(ended) => ended,
            Err(error) => return Err(anyhow::anyhow!(error).context("a part of the process panicked")),
        };
        result.map_err(|error| error.context(format!("the {name} failed")))?;
        anyhow::ensure!(self.shutdown.is_cancelled(), "the {name} ended unexpectedly");
        tracing::debug!(part = name, "stopped");
        Ok(())
    }
}
