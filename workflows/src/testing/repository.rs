use ctutor_git::{Credential, Error, SecretRef, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an `https` user name is when only a secret is named; GitLab's custom for access tokens.
const DEFAULT_USERNAME: &str = "oauth2";

/// A Git repository at a commit. Never holds a secret, only the name of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// `https://…`, `ssh://…`, `user@host:path`, or, where the worker allows it, a local path. A URL with a
    /// password or token in it is refused.
    #[schemars(regex(
        pattern = r"^(https?://[^/@\s]+(/\S*)?|ssh://([A-Za-z0-9._-]+@)?[^/@:\s]+(:[0-9]+)?/\S+|[A-Za-z0-9._-]+@[^/@:\s]+:[^\s]+|file:///[^\s]+|/[^\s]+|\./[^\s]+)$"
    ))]
    #[schemars(length(max = 2048))]
    pub url: String,
    /// The full commit ID, or the name of a branch or a tag.
    #[schemars(length(min = 1, max = 255))]
    pub commit: String,
    /// The folder of the repository that counts; all of it when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Who asks, when the repository is not public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialReference>,
}

/// A credential by reference: the worker looks the secret up when it needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialReference {
    /// The user name; `oauth2`, GitLab's custom for access tokens, when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The name of a secret of the worker: letters, digits, `.`, `_` and `-`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"))]
    pub secret: String,
}

impl Repository {
    /// The source for a checkout.
    ///
    /// # Errors
    /// [`Error`] when the URL or the commit is malformed, or the URL holds a credential; none repeats the URL.
    pub(super) fn source(&self) -> Result<Source, Error> {
        let source = Source::parse(&self.url, &self.commit)?;
        Ok(match &self.credential {
            None => source,
            Some(credential) => source.with_credential(Credential {
                username: credential.username.clone().unwrap_or_else(|| DEFAULT_USERNAME.to_owned()),
                secret: SecretRef(credential.secret.clone()),
            }),
        })
    }

    /// The same repository at a commit that was resolved.
    pub(super) fn at(&self, commit: &str) -> Self {
        Self { commit: commit.to_owned(), ..self.clone() }
    }
}
