use std::fmt;

use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use super::mask;

/// `[client]`: the ctutor that commands talk to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    /// Where it is.
    pub(crate) url: ApiUrl,
    /// Who we are.
    pub(crate) token: Option<SecretString>,
}

/// The address of a ctutor, without the path of its endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ApiUrl(pub(crate) Url);

impl fmt::Display for ApiUrl {
    /// As it may be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(mask::url(self.0.as_str()).trim_end_matches('/'))
    }
}

impl TryFrom<String> for ApiUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("its scheme is not known".to_owned());
        }
        Ok(Self(url))
    }
}
