use std::process::ExitCode;

use ctutor_engine::store::Part;

use crate::{
    args::{AddressArgs, ProcessArgs, SecretArgs},
    config::{Flags, Loaded},
    output,
    process::{self, Listener, Services},
    secret, shutdown,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    address: AddressArgs,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    secret: SecretArgs,
}

impl Args {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        self.address.set_flags(flags);
        self.process.set_flags(flags);
        self.secret.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let config = &loaded.config;
        let url = process::database_url(loaded)?;
        let verifier = config.auth.verifier(&secret::require(loaded)?.secret)?;
        let shutdown = shutdown::on_signals()?;
        let listener =
            Listener::bind(&self.address.address(&config.api.listen), super::PICK_ANOTHER_ADDRESS).await?;
        let engine = process::open(loaded, url).await?;
        process::refuse_unready(&engine, url, &[Part::Api]).await?;
        if config.redis.url.is_none() {
            tracing::warn!(
                "Redis is not configured (REDIS_URL): the API polls the database for the progress of workers"
            );
        }

        let address = listener.url();
        let mut services = Services::new(&engine, shutdown);
        process::serve(&mut services, &engine, config, verifier, listener);
        output::announce(&address);
        services.run().await?;
        Ok(ExitCode::SUCCESS)
    }
}
