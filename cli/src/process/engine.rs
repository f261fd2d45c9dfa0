use ctutor_engine::{
    BusOptions, Engine, EngineOptions, OpenError, chain,
    store::{self, Part},
};
use secrecy::ExposeSecret;

use crate::config::{DatabaseUrl, Error, Loaded, PASSWORD_REMEDY, RedisUrl};

/// SQLSTATE of a missing right.
const NO_RIGHT: &str = "42501";
/// SQLSTATE of a table that is there.
const EXISTS_ALREADY: &str = "42P07";
/// SQLSTATE of a second row of one key, as when two processes make one table at once.
const UNIQUE_VIOLATION: &str = "23505";
/// SQLSTATE of a refused password.
const WRONG_PASSWORD: &str = "28P01";

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

/// The error with what it is about, and with what to do about it.
fn told(error: OpenError, loaded: &Loaded, url: &DatabaseUrl) -> anyhow::Error {
    match error {
        OpenError::Store(error) => told_of_store(error, url),
        OpenError::Bus(_) => {
            let redis = loaded.config.redis.url.as_ref();
            let what = format!("Redis at {} cannot be used", redis.map(RedisUrl::masked).unwrap_or_default());
            if redis.is_some_and(RedisUrl::has_unencoded_password) {
                return anyhow::anyhow!("{what}: {}; {PASSWORD_REMEDY}", chain(&error));
            }
            anyhow::Error::new(error).context(what)
        }
    }
}

/// An error of the database: which one it is, what was found, and what to do.
fn told_of_store(error: store::Error, url: &DatabaseUrl) -> anyhow::Error {
    told_with(error, url, None)
}

/// The same, with what to do in this place; otherwise it is what to do anywhere.
fn told_with(error: store::Error, url: &DatabaseUrl, here: Option<&'static str>) -> anyhow::Error {
    if matches!(error, store::Error::File { .. } | store::Error::InUse { .. } | store::Error::Location { .. })
    {
        return error.into();
    }
    let what = format!("the database {} cannot be used", url.masked());
    let may_be_unencoded = url.has_unencoded_password() || error.code().as_deref() == Some(WRONG_PASSWORD);
    let remedy = here.or_else(|| error.remedy());
    let remedies: Vec<&str> = remedy.into_iter().chain(may_be_unencoded.then_some(PASSWORD_REMEDY)).collect();
    if remedies.is_empty() {
        return anyhow::Error::new(error).context(what);
    }
    anyhow::anyhow!("{what}: {}; {}", chain(&error), remedies.join("; "))
}

/// Applies all pending migrations and returns their names.
///
/// # Errors
/// When the database takes no writes, or is of a later version.
pub(crate) async fn migrate(engine: &Engine, url: &DatabaseUrl) -> anyhow::Result<Vec<String>> {
    let pending = writable(engine, url).await?;
    if !pending.is_empty() {
        engine.migrate().await.map_err(|error| {
            let remedy = match error.code().as_deref() {
                Some(NO_RIGHT) => Some(
                    "run `ctutor migrate up` as the owner of the tables or, where there are none yet, with a role that may \
                     make them (`GRANT USAGE, CREATE ON SCHEMA NAME TO ROLE`)",
                ),
                Some(EXISTS_ALREADY | UNIQUE_VIOLATION) => Some(
                    "another process may be migrating the database as well: run `ctutor migrate status`, and \
                     `ctutor migrate up` again if something is left to do",
                ),
                _ => None,
            };
            told_with(error, url, remedy).context("a migration of the database failed")
        })?;
    }
    Ok(pending)
}

/// Refuses to run without what the parts of the process need.
///
/// # Errors
/// When the login lacks rights, migrations are pending, the database takes no writes, or is of a later version.
pub(crate) async fn refuse_unready(engine: &Engine, url: &DatabaseUrl, parts: &[Part]) -> anyhow::Result<()> {
    // First: a schema that may not be used looks as if nothing were in it.
    may(engine, url, parts).await?;
    let pending = writable(engine, url).await?;
    if pending.is_empty() {
        return Ok(());
    }
    Err(told_of_store(store::Error::NotMigrated { pending }, url))
}

/// Refuses to run with a login that may not do all that the parts of the process do.
///
/// # Errors
/// When it lacks rights, or they cannot be read.
pub(crate) async fn may(engine: &Engine, url: &DatabaseUrl, parts: &[Part]) -> anyhow::Result<()> {
    engine.may(parts).await.map_err(|error| told_of_store(error, url))
}

/// The pending migrations of a database that takes writes.
async fn writable(engine: &Engine, url: &DatabaseUrl) -> anyhow::Result<Vec<String>> {
    engine.takes_writes().await.map_err(|error| told_of_store(error, url))?;
    pending(engine, url).await
}

/// The pending migrations.
///
/// # Errors
/// When they cannot be read, or the database is of a later version.
pub(crate) async fn pending(engine: &Engine, url: &DatabaseUrl) -> anyhow::Result<Vec<String>> {
    engine.pending_migrations().await.map_err(|error| told_of_store(error, url))
}
