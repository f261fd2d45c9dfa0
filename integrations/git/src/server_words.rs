//! What a Git server says in words alone. The protocol has no codes, so this is the only place that reads them.

use crate::{Error, repository_url::RepositoryUrl, ssh::one_line};

/// What `git pack-objects` and `git upload-pack` say of a repository that they cannot read, in lower case.
const DAMAGE: [&str; 11] = [
    "missing blob",
    "missing tree",
    "tree object",
    "bad object",
    "unable to read",
    "could not read",
    "unable to parse",
    "failed to traverse",
    "corrupt",
    "object file",
    "not a valid object",
];
/// What `git upload-pack` says when asked for an object that it does not have, or cannot read.
const NOT_OURS: &str = "not our ref";
/// What libgit2 puts before an error that the server sent as such.
const REPORTED: &str = "remote error: ";

/// The fault in what a server told while it sent, if there is one.
pub(crate) fn fault_in(told: &[u8], url: &RepositoryUrl, shown: impl Fn(&str) -> String) -> Option<Error> {
    let told = String::from_utf8_lossy(told);
    let mut faults = told
        .split(['\n', '\r'])
        .filter_map(|line| line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")));
    let first = faults.next()?;
    let message = shown(&one_line(first));
    let url = url.clone();
    Some(if is_of_an_object(&told) {
        Error::Damaged { url, message }
    } else {
        Error::Reported { url, message }
    })
}

/// Whether a server's words are about an object of its repository, and not about the server.
pub(crate) fn is_of_an_object(told: &str) -> bool {
    let words = told.to_lowercase();
    DAMAGE.iter().any(|damage| words.contains(damage))
}

/// Whether a server says that it has not what it was asked for.
pub(crate) fn is_not_ours(told: &str) -> bool {
    told.contains(NOT_OURS)
}

/// The error that the server sent in place of an answer.
pub(crate) fn reported(message: &str) -> Option<&str> {
    message.strip_prefix(REPORTED)
}

/// Whether libgit2 refuses a repository whose object IDs are SHA-256.
pub(crate) fn is_other_object_format(message: &str) -> bool {
    message.contains("object format") || message.contains("extensions.objectformat")
}

/// Whether libgit2 failed at the list of references because it holds the lines of a shallow clone, which libgit2 1.9
/// cannot read.
pub(crate) fn is_shallow_list(message: &str) -> bool {
    message == "invalid packet line"
}

/// Whether libgit2 refuses a certificate. It has a code for that, which it loses when a callback looks at the certificate.
pub(crate) fn is_refused_certificate(message: &str) -> bool {
    matches!(message, "the SSL certificate is invalid" | "hostname does not match certificate")
}

/// The extension of a repository of this machine that libgit2 does not know.
pub(crate) fn unsupported_extension(message: &str) -> Option<&str> {
    message.strip_prefix("unsupported extension name ")
}
