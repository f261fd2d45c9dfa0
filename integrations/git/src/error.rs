use std::{io, path::PathBuf, time::Duration};

use crate::{
    repository_url::{MalformedUrl, RepositoryUrl},
    revision::{CommitId, MalformedRevision, Naming, Revision},
    secret::{SecretRef, SecretUnavailable},
};

/// Why a checkout failed. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", MalformedUrl::Invalid { reason })]
    InvalidUrl { reason: &'static str },
    /// The URL is deliberately not part of it.
    #[error("{}", MalformedUrl::Credential)]
    CredentialInUrl,
    #[error("the revision `{revision}`{} is invalid: {reason}", of(url.as_ref()))]
    InvalidRevision { url: Option<RepositoryUrl>, revision: String, reason: &'static str },
    #[error("local repositories are not accepted here; set `local_sources` to allow `{url}`")]
    LocalSourceRefused { url: RepositoryUrl },
    #[error("`{url}` is on none of the servers that `sources` lists")]
    SourceRefused { url: RepositoryUrl },
    #[error("secret `{reference}` is not available")]
    SecretUnavailable { reference: SecretRef, source: SecretUnavailable },
    #[error(
        "secret `{reference}` may not be sent to `{url}`; if it should be, add the line `{line}` below it in its file"
    )]
    SecretRefused { reference: SecretRef, url: RepositoryUrl, line: String },
    #[error("secret `{reference}` is not sent to `{url}`, since `http` is not encrypted; use `https`")]
    SecretInTheClear { reference: SecretRef, url: RepositoryUrl },
    #[error("`{url}` refused the credential, or requires one")]
    AuthenticationRefused { url: RepositoryUrl },
    /// The key is new to the worker, or another one than before.
    #[error("the host key of `{url}` is not the one in `known_hosts`: the host has `{host_key}`")]
    UnknownHostKey { url: RepositoryUrl, host_key: String },
    #[error("no SSH agent answers at `SSH_AUTH_SOCK`, so there is no key to log in to `{url}`")]
    SshAgentUnavailable { url: RepositoryUrl },
    #[error("`{url}` accepts no key of the SSH agent")]
    SshKeyRefused { url: RepositoryUrl },
    /// SSH knows no status, only what the other side wrote before it hung up.
    #[error("`{url}` closed the connection and said: {message}")]
    HungUp { url: RepositoryUrl, message: String },
    /// The server lists what it was asked for, and its answer ended early. That may be a proxy's fault as well.
    #[error(
        "the answer of `{url}` when asked for `{revision}` {answer}; if this lasts, look at the logs of the server and \
         of proxies before it, and run `git fsck` in the repository"
    )]
    Unanswered { url: RepositoryUrl, revision: Revision, answer: &'static str },
    /// Git on the server began to answer and said nothing, as it does when it cannot read its repository, or is killed.
    #[error(
        "Git on the server of `{url}` ended without a word when asked for {asked}, as it does if that cannot be read; \
         run `git fsck` in the repository, or push a whole clone to a new one"
    )]
    Speechless { url: RepositoryUrl, asked: String },
    /// It may be a server that has not yet what another one of the same repository lists.
    #[error(
        "`{url}` lists `{name}`, and when asked for it said: {message}; if this lasts, the object is missing: push it \
         again, or push a whole clone to a new repository"
    )]
    Withheld { url: RepositoryUrl, name: String, message: String },
    /// The server answered in the words of the Git protocol.
    #[error("`{url}` reported an error: {message}")]
    Reported { url: RepositoryUrl, message: String },
    #[error(
        "the certificate of `{url}` is not accepted: {message}; {certificate}if it is right, let the worker's machine \
         trust its authority, or itself: add the one to the certificates of the system, or name a file with both in \
         `SSL_CERT_FILE` of the worker"
    )]
    CertificateRefused { url: RepositoryUrl, message: String, certificate: String },
    /// A web server is there, and no Git behind it, or one that does not answer as this worker asks.
    #[error("`{url}` does not answer as a Git repository: {reason}")]
    NotGit { url: RepositoryUrl, reason: String },
    #[error("there is no repository at `{url}`")]
    RepositoryNotFound { url: RepositoryUrl },
    /// Git reads no repository of another user unless it is told to, since its configuration could run programs.
    #[error(
        "the repository `{}` belongs to {owner} and the worker runs as {user}; change its owner, or run \
         `git config --global --add safe.directory '{}'` as the worker's user",
        path.display(), path.display()
    )]
    OwnedByAnother { path: PathBuf, owner: String, user: String },
    #[error("the repository `{url}` uses the object format SHA-256; only SHA-1 repositories are supported")]
    UnsupportedFormat { url: RepositoryUrl },
    /// References in a reftable, for instance.
    #[error(
        "the repository `{url}` has the Git extension `{extension}`, with which the worker cannot read it as files{remedy}"
    )]
    UnsupportedExtension { url: RepositoryUrl, extension: String, remedy: &'static str },
    #[error("the repository `{url}` is empty: nothing was pushed to it")]
    EmptyRepository { url: RepositoryUrl },
    #[error(
        "`HEAD` of `{url}` points to a branch that does not exist; set a default branch there or name a branch, \
         one of {branches}"
    )]
    NoDefaultBranch { url: RepositoryUrl, branches: String },
    #[error("`{url}` has no commit, branch or tag `{revision}`{hint}")]
    UnknownRevision { url: RepositoryUrl, revision: Revision, hint: String },
    #[error("`{revision}` is ambiguous in `{url}`; name one of {candidates}")]
    AmbiguousRevision { url: RepositoryUrl, revision: Revision, naming: Naming, candidates: String },
    #[error("`{revision}` of `{url}` is a {kind}, expected a commit")]
    NotACommit { url: RepositoryUrl, revision: Revision, naming: Naming, kind: git2::ObjectType },
    #[error(
        "`{revision}` cannot be fetched from `{url}`, which is a shallow clone without its whole history; \
         run `git fetch --unshallow` there"
    )]
    Shallow { url: RepositoryUrl, revision: Revision },
    #[error("`{url}` answered with HTTP status {status}")]
    Answered {
        url: RepositoryUrl,
        status: u16,
        /// How long the server asks to wait, if it does.
        retry_after: Option<Duration>,
    },
    #[error("`{url}` cannot be reached: {message}")]
    Network { url: RepositoryUrl, message: String },
    #[error("`{url}` was not fetched within {timeout_ms} ms")]
    TimedOut { url: RepositoryUrl, timeout_ms: u128 },
    #[error("the checkout was canceled")]
    Canceled,
    #[error("the repository exceeds `{limit}` of {max}")]
    LimitExceeded { limit: &'static str, max: u64 },
    #[error("`{path}` of commit `{commit}` cannot be checked out: {reason}")]
    UnsafeTree { commit: CommitId, path: String, reason: &'static str },
    /// An object is missing, corrupt or of another kind than it should be.
    #[error(
        "the repository `{url}` is damaged: {message}; `git fsck` there lists what is broken; if it cannot be mended, \
         push a whole clone to a new repository"
    )]
    Damaged { url: RepositoryUrl, message: String },
    /// It fetches objects when they are used, which is not done here.
    #[error(
        "the repository `{url}` is damaged: {message}; it is a partial clone, which has not all objects; \
         run `git fetch --refetch --no-filter` there"
    )]
    PartialClone { url: RepositoryUrl, message: String },
    /// A fault of this machine.
    #[error("the worker's copy of `{url}` cannot be used: {message}")]
    Mirror { url: RepositoryUrl, message: String },
    #[error("`{}` exists already", path.display())]
    DestinationExists { path: PathBuf },
    #[error("{what} failed")]
    Io { what: &'static str, source: io::Error },
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Network { .. } | Self::TimedOut { .. } | Self::Io { .. } | Self::Mirror { .. } => true,
            // Either the repository does not exist, or the server has a temporary fault.
            Self::HungUp { .. } | Self::Unanswered { .. } | Self::Reported { .. } => true,
            Self::Speechless { .. } | Self::Withheld { .. } => true,
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
            | Self::CertificateRefused { .. }
            | Self::NotGit { .. }
            | Self::SshAgentUnavailable { .. }
            | Self::SshKeyRefused { .. }
            | Self::RepositoryNotFound { .. }
            | Self::OwnedByAnother { .. }
            | Self::UnsupportedFormat { .. }
            | Self::UnsupportedExtension { .. }
            | Self::EmptyRepository { .. }
            | Self::NoDefaultBranch { .. }
            | Self::UnknownRevision { .. }
            | Self::AmbiguousRevision { .. }
            | Self::NotACommit { .. }
            | Self::Shallow { .. }
            | Self::Canceled
            | Self::LimitExceeded { .. }
            | Self::UnsafeTree { .. }
            | Self::Damaged { .. }
            | Self::PartialClone { .. }
            | Self::DestinationExists { .. } => false,
        }
    }

    /// How long the server asks to wait before it is asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { retry_after, .. } if self.is_retryable() => *retry_after,
            _ => None,
        }
    }

    /// Whether the content of the repository prevents the checkout, so that only somebody who pushes to it can change
    /// that.
    ///
    /// An ID that is no commit's, or that of several commits, is not of it: no push makes it another, so that it is for
    /// the one who named it, as an ID is that the repository does not have. What a branch or a tag means was pushed.
    pub fn is_of_the_content(&self) -> bool {
        matches!(
            self,
            Self::LimitExceeded { .. }
                | Self::UnsafeTree { .. }
                | Self::Damaged { .. }
                | Self::PartialClone { .. }
                | Self::EmptyRepository { .. }
                | Self::AmbiguousRevision { naming: Naming::Reference, .. }
                | Self::NotACommit { naming: Naming::Reference, .. }
        )
    }

    /// Whether this is how a repository looks from outside that its server cannot read, and also how a server looks that
    /// is not well for a moment, so that only asking again later tells: the repository's content is at fault if it lasts.
    pub fn is_of_the_content_if_it_lasts(&self) -> bool {
        matches!(self, Self::Speechless { .. } | Self::Withheld { .. })
    }

    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

impl From<MalformedUrl> for Error {
    fn from(malformed: MalformedUrl) -> Self {
        match malformed {
            MalformedUrl::Invalid { reason } => Self::InvalidUrl { reason },
            MalformedUrl::Credential => Self::CredentialInUrl,
        }
    }
}

impl From<MalformedRevision> for Error {
    fn from(MalformedRevision { revision, reason }: MalformedRevision) -> Self {
        Self::InvalidRevision { url: None, revision, reason }
    }
}

fn of(url: Option<&RepositoryUrl>) -> String {
    url.map(|url| format!(" of `{url}`")).unwrap_or_default()
}
