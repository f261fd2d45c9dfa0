//! What libgit2 leaves unsaid about SSH.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use git2::cert::CertHostkey;

const LINE_CHARS_MAX: usize = 500;

/// A host key as `ssh-keygen -l` shows it, for comparing the two.
pub(crate) fn describe(key: &CertHostkey<'_>) -> Option<String> {
    let kind = key.hostkey_type().map_or("unknown", |kind| kind.name());
    Some(format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(key.hash_sha256()?)))
}

/// Whether somebody listens where libssh2 looks for the agent.
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

/// What the other side wrote, fit for a message: a banner has many lines, and may be anything.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect()
}
