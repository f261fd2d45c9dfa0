//! What libgit2 does not report about SSH.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use git2::cert::CertHostkey;

const LINE_CHARS_MAX: usize = 500;

/// A host key as `ssh-keygen -l` shows it, so that people can compare the two.
pub(crate) fn describe(key: &CertHostkey<'_>) -> Option<String> {
    let kind = key.hostkey_type().map_or("unknown", |kind| kind.name());
    Some(format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(key.hash_sha256()?)))
}

/// Whether an agent listens at the socket that libssh2 uses.
///
/// libgit2 reports a missing agent and a refused key alike, and the two have different remedies.
#[cfg(unix)]
pub(crate) fn agent_answers() -> bool {
    std::env::var_os("SSH_AUTH_SOCK")
        .is_some_and(|socket| std::os::unix::net::UnixStream::connect(socket).is_ok())
}

#[cfg(not(unix))]
pub(crate) fn agent_answers() -> bool {
    true
}

/// What a server wrote, as one line for a message: a banner can have many lines and any characters.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect()
}
