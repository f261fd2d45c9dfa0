//! Everything in one process.

mod welcome;

use std::{process::ExitCode, time::Duration};

use ctutor_api::Role;

use self::welcome::Welcome;
use crate::{
    args::{AddressArgs, ProcessArgs, SecretArgs, WorkerArgs},
    config::{DatabaseUrl, Flags, Length, Listen, Loaded},
    process::{self, Listener},
    secret, shutdown,
};

/// The database in the data directory.
const DATABASE_FILE_NAME: &str = "ctutor.db";

/// How long the printed token is valid; the secret is stored next to it anyway.
const TOKEN_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const TOKEN_SUBJECT: &str = "dev";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    address: AddressArgs,
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
        let secret = secret::find_or_create(loaded)?.secret;
        let (signer, verifier) = (config.auth.signer(&secret)?, config.auth.verifier(&secret)?);
        let database = database(loaded)?;
        let shutdown = shutdown::on_signals()?;
        let listen = self.address.address(&config.api.listen);
        let listener = Listener::bind(&listen, &remedy(&listen)).await?;
        let engine = process::open(loaded, &database).await?;
        process::migrate(&engine, &database).await?;

        let welcome = Welcome {
            url: listener.url(),
            token: signer.create(TOKEN_SUBJECT, Role::Admin, TOKEN_TTL)?,
            token_ttl: Length(TOKEN_TTL),
            database: database.masked(),
            data: loaded.is_explicit("data").then(|| config.data.display().to_string()),
        };
        process::run_all(&engine, config, verifier, listener, shutdown, welcome).await
    }
}

/// The configured database, or else the one in the data directory.
fn database(loaded: &Loaded) -> anyhow::Result<DatabaseUrl> {
    if let Some(url) = &loaded.config.database.url {
        return Ok(url.clone());
    }
    let data = &loaded.config.data;
    secret::create_data_directory(data)?;
    Ok(DatabaseUrl::File(data.join(DATABASE_FILE_NAME)))
}

fn remedy(listen: &Listen) -> String {
    let other = listen.port.checked_add(1).unwrap_or(8_000);
    format!("choose another port with `ctutor dev --port {other}`, or any free one with `--port 0`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_leads_to_the_next() {
        let remedy = remedy(&"127.0.0.1:8000".parse().unwrap());
        assert!(remedy.contains("`ctutor dev --port 8001`"), "{remedy}");
    }
}
