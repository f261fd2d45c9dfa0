use std::time::Duration;

use anyhow::Context;
use ctutor_api::{Role, TokenSigner};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{self, Loaded},
    secret,
};

/// Where the token of a call comes from.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// From outside.
    Given {
        token: SecretString,
        /// For messages.
        source: String,
    },
    /// Made for each call, with the secret that the server has too.
    Minted {
        signer: TokenSigner,
        /// For messages.
        source: String,
    },
}

/// A made token serves one call, and streams end with it: so they are made anew on every reconnection.
const MINTED_TTL: Duration = Duration::from_secs(60 * 60);

/// Subject of tokens that are made here.
const MINTED_SUBJECT: &str = "cli";

impl Credentials {
    /// The token that is set, or else one of our own making where we know the secret.
    pub(crate) fn find(loaded: &Loaded) -> anyhow::Result<Self> {
        if let Some(token) = &loaded.config.client.token {
            let source = loaded.source("client.token").map_or_else(String::new, ToString::to_string);
            return Ok(Self::Given { token: token.0.clone(), source: format!("the token from {source}") });
        }
        let Some(found) = secret::find(loaded)? else {
            let data = loaded.config.data.display();
            return Err(config::Error::missing(
                "client.token",
                &format!(
                    "name the data directory of the server with `--data`, or make one with `ctutor token create` where \
                     the token secret is, and pass it with CTUTOR_TOKEN or `--token` (there is no `{data}/{}` to make \
                     one here)",
                    secret::FILE_NAME
                ),
            )
            .into());
        };
        let signer = loaded.config.auth.signer(&found.secret)?;
        Ok(Self::Minted { signer, source: format!("a token made with the secret of {}", found.source) })
    }

    /// The token for a call.
    pub(super) fn token(&self) -> anyhow::Result<String> {
        match self {
            Self::Given { token, .. } => Ok(token.expose_secret().to_owned()),
            Self::Minted { signer, .. } => {
                signer.create(MINTED_SUBJECT, Role::Admin, MINTED_TTL).context("cannot make a token")
            }
        }
    }

    /// What to do when it is refused. Another one of the same secret would be refused as well.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Given { .. } => {
                "make one that the running server knows: `ctutor token create --data DIR` with the data directory of that \
                 server, or with its CTUTOR_JWT_SECRET"
            }
            Self::Minted { .. } => {
                "the running server may have another secret: name its data directory with `--data DIR`, set its \
                 CTUTOR_JWT_SECRET, or pass a token of it with CTUTOR_TOKEN or `--token`"
            }
        }
    }

    /// What it is, for messages.
    pub(super) fn source(&self) -> &str {
        match self {
            Self::Given { source, .. } | Self::Minted { source, .. } => source,
        }
    }
}
