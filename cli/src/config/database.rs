use std::path::PathBuf;

use ctutor_engine::store::{DatabaseOptions, Location};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Between, Timeout, mask, password};

/// `[database]`: where everything durable is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    /// `postgres://…` or `sqlite:PATH`.
    pub(crate) url: Option<DatabaseUrl>,
    /// Most connections for reading.
    pub(crate) read_connections_max: Between<1, 1000>,
    /// Longest wait for a free connection.
    pub(crate) acquire_timeout: Timeout,
    /// Longest wait for the answer of a server.
    pub(crate) statement_timeout: Timeout,
}

/// Where the database is.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum DatabaseUrl {
    /// As configured. It may hold a password, so it is shown masked only.
    Url(SecretString),
    /// The embedded database in the data directory.
    File(PathBuf),
}

impl DatabaseUrl {
    /// The address as it may be shown.
    pub(crate) fn masked(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Url(url) if url.expose_secret().starts_with("sqlite:") => url.expose_secret().to_owned(),
            Self::Url(url) => mask::url(url.expose_secret()),
        }
    }

    /// Whether it has a password that seems not to be encoded.
    pub(crate) fn has_unencoded_password(&self) -> bool {
        matches!(self, Self::Url(url) if password::seems_unencoded(url.expose_secret()))
    }
}

impl Database {
    /// The options of the engine for this address.
    pub(crate) fn options(&self, url: &DatabaseUrl) -> DatabaseOptions {
        let mut options = DatabaseOptions::new(match url {
            DatabaseUrl::File(path) => Location::File(path.clone()),
            DatabaseUrl::Url(url) => Location::Url(url.expose_secret().to_owned()),
        });
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
        let text = text.trim();
        let known = ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| text.starts_with(scheme));
        match text {
            "" => Err("it is blank"),
            text if known => Ok(Self::Url(text.into())),
            _ => Err("its scheme is not known"),
        }
    }
}
