use std::{io, path::PathBuf};

use crate::{
    secret::{SecretRef, SecretUnavailable},
    source::{CommitId, RepositoryUrl, Revision},
    ssh,
};

/// Why a checkout failed. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the repository URL is not usable: {reason}")]
    InvalidUrl { reason: &'static str },
    /// The URL is deliberately not part of it.
    #[error("the repository URL carries a credential; name a secret by reference instead")]
    CredentialInUrl,
    #[error("the revision is not usable: {reason}")]
    InvalidRevision { reason: &'static str },
    #[error("local repositories are not accepted here; set `local_sources` to allow `{url}`")]
    LocalSourceRefused { url: RepositoryUrl },
    #[error("`{url}` lies on none of the servers in `sources`")]
    SourceRefused { url: RepositoryUrl },
    #[error("secret `{reference}` is not available")]
    SecretUnavailable { reference: SecretRef, source: SecretUnavailable },
    #[error(
        "secret `{reference}` may not be sent to `{url}`; if it should be, add the line `{line}` below it in its file"
    )]
    SecretRefused { reference: SecretRef, url: RepositoryUrl, line: String },
    #[error(
        "secret `{reference}` is not sent to `{url}`, since anybody could read it on the way; use `https`"
    )]
    SecretInTheClear { reference: SecretRef, url: RepositoryUrl },
    #[error("`{url}` refused the credential, or wants one")]
    AuthenticationRefused { url: RepositoryUrl },
    /// The key is new to the worker, or another one than before.
    #[error("the host key of `{url}` is not the one in `known_hosts`: it shows `{host_key}`")]
    UnknownHostKey { url: RepositoryUrl, host_key: String },
    #[error("no SSH agent answers at `SSH_AUTH_SOCK`, so there is no key to show to `{url}`")]
    SshAgentUnavailable { url: RepositoryUrl },
    #[error("`{url}` accepts no key of the SSH agent")]
    SshKeyRefused { url: RepositoryUrl },
    /// SSH knows no status, only what the other side wrote before it hung up.
    #[error("`{url}` hung up and said: {message}")]
    HungUp { url: RepositoryUrl, message: String },
    #[error("there is no repository at `{url}`")]
    RepositoryNotFound { url: RepositoryUrl },
    #[error("`{url}` has no commit, branch or tag `{revision}`")]
    UnknownRevision { url: RepositoryUrl, revision: Revision },
    #[error("`{url}` answered with HTTP status {status}")]
    Answered { url: RepositoryUrl, status: u16 },
    #[error("`{url}` cannot be reached: {message}")]
    Network { url: RepositoryUrl, message: String },
    #[error("`{url}` was not fetched within {timeout_ms} ms")]
    TimedOut { url: RepositoryUrl, timeout_ms: u128 },
    #[error("the checkout was canceled")]
    Canceled,
    #[error("the repository exceeds `{limit}` of {max}")]
    LimitExceeded { limit: &'static str, max: u64 },
    #[error("`{path}` of commit `{commit}` cannot be laid out: {reason}")]
    UnsafeTree { commit: CommitId, path: String, reason: &'static str },
    #[error("the content of `{url}` is not usable: {message}")]
    Repository { url: RepositoryUrl, message: String },
    #[error("`{}` is there already", path.display())]
    DestinationExists { path: PathBuf },
    #[error("{what} failed")]
    Io { what: &'static str, source: io::Error },
}

impl Error {
    /// Whether the same call may do better later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Network { .. } | Self::TimedOut { .. } | Self::Io { .. } => true,
            // Either the repository is not there, or the server has a fault that passes.
            Self::HungUp { .. } => true,
            Self::SecretUnavailable { source, .. } => source.is_retryable(),
            Self::Answered { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::InvalidUrl { .. }
            | Self::CredentialInUrl
            | Self::InvalidRevision { .. }
            | Self::LocalSourceRefused { .. }
            | Self::SourceRefused { .. }
            | Self::SecretRefused { .. }
            | Self::SecretInTheClear { .. }
            | Self::AuthenticationRefused { .. }
            | Self::UnknownHostKey { .. }
            | Self::SshAgentUnavailable { .. }
            | Self::SshKeyRefused { .. }
            | Self::RepositoryNotFound { .. }
            | Self::UnknownRevision { .. }
            | Self::Canceled
            | Self::LimitExceeded { .. }
            | Self::UnsafeTree { .. }
            | Self::Repository { .. }
            | Self::DestinationExists { .. } => false,
        }
    }

    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Sorts a fault of libgit2 while talking to `url`. `message` has been cleared of secrets by the caller.
    pub(crate) fn from_fetch(url: &RepositoryUrl, fault: &git2::Error, message: String) -> Self {
        use git2::{ErrorClass as Class, ErrorCode as Code};

        let url = url.clone();
        if let Some(status) = http_status(fault) {
            return match status {
                401 | 403 => Self::AuthenticationRefused { url },
                404 | 410 => Self::RepositoryNotFound { url },
                status => Self::Answered { url, status },
            };
        }
        match (fault.code(), fault.class()) {
            (Code::Auth, _) if url.is_ssh() && ssh::agent_answers() => Self::SshKeyRefused { url },
            (Code::Auth, _) if url.is_ssh() => Self::SshAgentUnavailable { url },
            (Code::Auth, _) => Self::AuthenticationRefused { url },
            (Code::Eof, Class::Ssh) => Self::HungUp { url, message: ssh::one_line(&message) },
            (Code::Timeout | Code::Eof, _) => Self::Network { url, message },
            (Code::Certificate, _) => Self::Repository { url, message },
            // A path where nothing lies is taken for a URL of an unknown kind.
            (Code::NotFound, _) | (_, Class::Net) if url.is_local() => Self::RepositoryNotFound { url },
            (_, Class::Net | Class::Http | Class::Ssl | Class::Ssh | Class::Os) => {
                Self::Network { url, message }
            }
            _ => Self::Repository { url, message },
        }
    }
}

/// The status is only in libgit2's text, so this is the one place that reads it.
fn http_status(fault: &git2::Error) -> Option<u16> {
    if fault.class() != git2::ErrorClass::Http {
        return None;
    }
    fault.message().strip_prefix("unexpected http status code: ")?.trim().parse().ok()
}
