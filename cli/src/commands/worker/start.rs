use std::process::ExitCode;

use ctutor_engine::store::Part;

use crate::{
    args::{ProcessArgs, WorkerArgs},
    config::{Flags, Loaded},
    process::{self, Services, WorkerPart},
    shutdown,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

impl Args {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        self.process.set_flags(flags);
        self.worker.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        loaded.check_worker_folders()?;
        let url = process::database_url(loaded)?;
        let shutdown = shutdown::on_signals()?;
        let worker = WorkerPart::new(&loaded.config).await?;
        let engine = process::open(loaded, url).await?;
        process::refuse_unready(&engine, url, &[Part::Worker]).await?;
        if loaded.config.redis.url.is_none() {
            tracing::warn!(
                "Redis is not configured (REDIS_URL): the worker polls the database for new tasks"
            );
        }

        let description = worker.describe(&loaded.config.namespace);
        let mut services = Services::new(&engine, shutdown);
        let worker = worker.start(&mut services, &engine);
        services.run_with(worker, description).await
    }
}
