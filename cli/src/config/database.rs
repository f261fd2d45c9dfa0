use ctutor_engine::store::DatabaseOptions;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Between, Length, mask};

/// `[database]`: where everything durable is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    /// `postgres://…` or `sqlite:PATH`.
    pub(crate) url: Option<DatabaseUrl>,
    /// Most connections for reading.
    pub(crate) read_connections_max: Between<1, 1000>,
    /// Longest wait for a free connection.
    pub(crate) acquire_timeout: Length,
    /// Longest wait for the answer of a server.
    pub(crate) statement_timeout: Length,
}

/// The address of a database. It may hold a password, so it is shown masked only.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// The embedded database in a file.
    pub(crate) fn embedded(path: &str) -> Self {
        Self(format!("sqlite:{path}").into())
    }

    /// The address as it may be shown.
    pub(crate) fn masked(&self) -> String {
        mask::url(self.0.expose_secret())
    }
}

impl Database {
    /// The options of the engine for this address.
    pub(crate) fn options(&self, url: &DatabaseUrl) -> DatabaseOptions {
        let mut options = DatabaseOptions::new(url.0.expose_secret());
        options.read_connections_max = self.read_connections_max.get();
        options.acquire_timeout = self.acquire_timeout.0;
        options.statement_timeout = self.statement_timeout.0;
        options
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // A URL that cannot be understood is not repeated: it may hold a password all the same.
        let known = ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| text.starts_with(scheme));
        if known { Ok(Self(text.into())) } else { Err("its scheme is not known") }
    }
}
