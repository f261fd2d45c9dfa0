use secrecy::SecretString;
use serde::Deserialize;

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

impl TryFrom<String> for RedisUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
        if known.iter().any(|scheme| text.starts_with(scheme)) {
            Ok(Self(text.into()))
        } else {
            Err("its scheme is not known")
        }
    }
}
