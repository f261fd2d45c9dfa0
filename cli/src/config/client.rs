use secrecy::SecretString;
use serde::Deserialize;

use super::ApiUrl;

/// `[client]`: the ctutor that commands talk to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    /// URL of the server.
    pub(crate) url: ApiUrl,
    /// Bearer token to send.
    pub(crate) token: Option<Token>,
}

/// A bearer token that a header can carry. Line ends around it come from files and are not part of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Token(pub(crate) SecretString);

impl TryFrom<String> for Token {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let token = text.trim();
        let token = token.strip_prefix("Bearer ").map_or(token, str::trim);
        match token {
            "" => Err("it is blank"),
            token if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(token.to_owned().into())),
            _ => Err("it has a space or another character that no token has"),
        }
    }
}
