use anyhow::Context;
use ctutor_engine::{BusOptions, Engine, EngineOptions, OpenError, chain, store};
use secrecy::ExposeSecret;

use crate::config::{DatabaseUrl, Error, Loaded, PASSWORD_REMEDY, RedisUrl};

/// The configured database.
///
/// # Errors
/// When it is not set.
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
    if let Some(redis) = config.redis.url.as_ref().filter(|url| url.has_unencoded_password()) {
        tracing::warn!(
            "the password in the Redis URL {} seems not to be encoded: {PASSWORD_REMEDY}",
            redis.masked()
        );
    }
    Engine::open(options).await.map_err(|error| told(error, loaded, url))
}

/// The error with what it is about, and with the most frequent mistake if that was made.
fn told(error: OpenError, loaded: &Loaded, url: &DatabaseUrl) -> anyhow::Error {
    let (what, is_unencoded) = match &error {
        OpenError::Store(
            store::Error::File { .. } | store::Error::InUse { .. } | store::Error::Location { .. },
        ) => {
            return error.into();
        }
        OpenError::Store(error) => {
            let is_refused = chain(error).to_string().contains("password authentication failed");
            (
                format!("the database {} cannot be used", url.masked()),
                url.has_unencoded_password() || is_refused,
            )
        }
        OpenError::Bus(_) => {
            let redis = loaded.config.redis.url.as_ref();
            let shown = redis.map(RedisUrl::masked).unwrap_or_default();
            (format!("Redis at {shown} cannot be used"), redis.is_some_and(RedisUrl::has_unencoded_password))
        }
    };
    if is_unencoded {
        return anyhow::anyhow!("{what}: {}; {PASSWORD_REMEDY}", chain(&error));
    }
    anyhow::Error::new(error).context(what)
}

/// Applies all pending migrations and returns their names.
pub(crate) async fn migrate(engine: &Engine) -> anyhow::Result<Vec<String>> {
    let pending = pending(engine).await?;
    if !pending.is_empty() {
        engine.migrate().await.context("a migration of the database failed")?;
    }
    Ok(pending)
}

/// Refuses to run on tables of an older version.
///
/// # Errors
/// When migrations are pending.
pub(crate) async fn refuse_old_schema(engine: &Engine) -> anyhow::Result<()> {
    let pending = pending(engine).await?;
    anyhow::ensure!(
        pending.is_empty(),
        "the database has pending migrations ({}); run `ctutor migrate up` first",
        pending.join(", ")
    );
    Ok(())
}

async fn pending(engine: &Engine) -> anyhow::Result<Vec<String>> {
    engine.pending_migrations().await.context("the pending migrations of the database cannot be read")
}
