use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{mask, password};

/// `[redis]`: hints between processes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    /// `redis://…`; without one the hints stay in this process.
    pub(crate) url: Option<RedisUrl>,
}

/// The address of a Redis server. It may hold a password, so it is shown masked only.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RedisUrl(pub(crate) SecretString);

impl RedisUrl {
    /// The address as it may be shown.
    pub(crate) fn masked(&self) -> String {
        mask::url(self.0.expose_secret())
    }

    /// Whether it has a password that seems not to be encoded.
    pub(crate) fn has_unencoded_password(&self) -> bool {
        password::seems_unencoded(self.0.expose_secret())
    }
}

impl TryFrom<String> for RedisUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
        if known.iter().any(|scheme| text.starts_with(scheme)) {
            Ok(Self(text.into()))
        } else {
            Err("its scheme is not known")
        }
    }
}
