use anyhow::Context;
use ctutor_engine::{BusOptions, Engine, EngineOptions};
use secrecy::ExposeSecret;

use crate::config::{DatabaseUrl, Error, Loaded};

/// The configured database.
///
/// # Errors
/// When there is none.
pub(crate) fn database_url(loaded: &Loaded) -> Result<&DatabaseUrl, Error> {
    loaded.config.database.url.as_ref().ok_or_else(|| {
        Error::missing(
            "database.url",
            "set DATABASE_URL or pass `--database-url postgres://USER@HOST/DATABASE` \
             (`ctutor dev` needs no database)",
        )
    })
}

/// The engine on a database, with the configured bus.
pub(crate) async fn open(loaded: &Loaded, url: &DatabaseUrl) -> anyhow::Result<Engine> {
    let config = &loaded.config;
    let bus = match &config.redis.url {
        Some(url) => BusOptions::Redis { url: url.0.expose_secret().to_owned() },
        None => BusOptions::InProcess,
    };
    let options = EngineOptions {
        database: config.database.options(url),
        bus,
        namespace: config.namespace.clone(),
        limits: (&config.limits).into(),
    };
    Engine::open(options).await.with_context(|| format!("the database {} cannot be used", url.masked()))
}

/// Brings the database up to date, and says which steps that took.
pub(crate) async fn migrate(engine: &Engine) -> anyhow::Result<Vec<String>> {
    let pending = pending(engine).await?;
    if !pending.is_empty() {
        engine.migrate().await.context("the database could not be brought up to date")?;
    }
    Ok(pending)
}

/// Ends a process that would fail at its first statement.
///
/// # Errors
/// When migrations are to be done.
pub(crate) async fn refuse_old_schema(engine: &Engine) -> anyhow::Result<()> {
    let pending = pending(engine).await?;
    anyhow::ensure!(
        pending.is_empty(),
        "the database is not up to date ({} to do); run `ctutor migrate up` first",
        pending.join(", ")
    );
    Ok(())
}

async fn pending(engine: &Engine) -> anyhow::Result<Vec<String>> {
    engine.pending_migrations().await.context("the state of the database is not known")
}
