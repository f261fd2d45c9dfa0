use std::process::ExitCode;

use ctutor_engine::store::Part;

use crate::{
    args::{AddressArgs, ProcessArgs, SecretArgs, WorkerArgs},
    config::{Flags, Loaded},
    process::{self, Listener},
    secret, shutdown,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    address: AddressArgs,
    /// Do not migrate the database; exit if migrations are pending
    #[arg(long)]
    no_migrate: bool,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

impl Args {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        self.address.set_flags(flags);
        self.process.set_flags(flags);
        self.secret.set_flags(flags);
        self.worker.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let config = &loaded.config;
        loaded.check_worker_folders()?;
        let url = process::database_url(loaded)?;
        let verifier = config.auth.verifier(&secret::require(loaded)?.secret)?;
        let shutdown = shutdown::on_signals()?;
        let listener =
            Listener::bind(&self.address.address(&config.api.listen), super::PICK_ANOTHER_ADDRESS).await?;
        let engine = process::open(loaded, url).await?;
        let parts = [Part::Api, Part::Worker];
        if self.no_migrate {
            process::refuse_unready(&engine, url, &parts).await?;
        } else {
            process::migrate(&engine, url).await?;
            process::may(&engine, url, &parts).await?;
        }

        let url = listener.url();
        process::run_all(&engine, config, verifier, listener, shutdown, url).await
    }
}
