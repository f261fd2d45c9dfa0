//! How callers name a commit.

use std::{fmt, str::FromStr};

const REVISION_BYTES_MAX: usize = 255;
/// Of a revision that is refused.
const SHOWN_CHARS_MAX: usize = 100;
const COMMIT_ID_DIGITS: usize = 40;
const SHA256_ID_DIGITS: usize = 64;
/// Git's own minimum for a short commit ID.
const SHORT_ID_DIGITS_MIN: usize = 4;

/// A commit, as callers name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revision {
    /// The default branch of the repository: what its `HEAD` points to.
    Default,
    /// A full commit ID.
    Commit(CommitId),
    /// A branch or a tag, with or without `heads/`, `tags/`, `refs/heads/` or `refs/tags/` before it; the full name of
    /// any other reference; or, where no reference has this name, a short commit ID.
    Name(String),
}

/// What of a repository a revision was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Naming {
    /// The name of a reference. What it means is decided by those who push.
    Reference,
    /// The ID of an object, in full or its first digits. It means the same whatever is pushed.
    Id,
}

/// Forty hexadecimal digits, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(String);

/// A string is not a valid [`Revision`] or [`CommitId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the revision `{revision}` is invalid: {reason}")]
pub struct MalformedRevision {
    /// The start of the string, in which control characters are escaped.
    pub revision: String,
    pub reason: &'static str,
}

impl CommitId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<git2::Oid> for CommitId {
    fn from(id: git2::Oid) -> Self {
        Self(id.to_string())
    }
}

impl FromStr for CommitId {
    type Err = MalformedRevision;

    fn from_str(text: &str) -> Result<Self, MalformedRevision> {
        if text.len() == COMMIT_ID_DIGITS && is_hexadecimal(text) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(invalid(text, "a full commit ID has 40 hexadecimal digits"))
    }
}

impl Revision {
    /// The digits of a short commit ID in lower case, if the revision may be one.
    pub(crate) fn as_short_id(&self) -> Option<String> {
        let Self::Name(name) = self else { return None };
        let is_short = (SHORT_ID_DIGITS_MIN..COMMIT_ID_DIGITS).contains(&name.len()) && is_hexadecimal(name);
        is_short.then(|| name.to_ascii_lowercase())
    }

    /// The first digits of a commit ID, or all of them, if the revision may be one.
    pub(crate) fn digits(&self) -> Option<String> {
        match self {
            Self::Commit(commit) => Some(commit.to_string()),
            revision => revision.as_short_id(),
        }
    }
}

impl FromStr for Revision {
    type Err = MalformedRevision;

    fn from_str(text: &str) -> Result<Self, MalformedRevision> {
        if let Ok(commit) = text.parse() {
            return Ok(Self::Commit(commit));
        }
        // Git's short form of `HEAD` is `@`.
        if matches!(text, "HEAD" | "@") {
            return Ok(Self::Default);
        }
        if text.len() > REVISION_BYTES_MAX {
            return Err(invalid(text, "it is longer than 255 bytes"));
        }
        if text.len() == SHA256_ID_DIGITS && is_hexadecimal(text) {
            let reason = "it is the ID of a SHA-256 commit; only SHA-1 repositories are supported";
            return Err(invalid(text, reason));
        }
        if !git2::Reference::is_valid_name(&format!("refs/heads/{text}")) {
            return Err(invalid(text, fault_of(text)));
        }
        Ok(Self::Name(text.to_owned()))
    }
}

fn invalid(text: &str, reason: &'static str) -> MalformedRevision {
    let mut revision: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        revision.push('…');
    }
    MalformedRevision { revision, reason }
}

/// Why a text that Git takes for no name is none.
fn fault_of(text: &str) -> &'static str {
    if text.is_empty() {
        "it is empty; expected a commit ID or the name of a branch or a tag, or none for the default branch"
    } else if text.trim() != text {
        "it begins or ends with a blank or a line ending; write it without"
    } else if text.contains(['~', '^', ':', '{']) || text.contains("..") {
        "expected a commit ID or the name of a branch or a tag; expressions such as `main~1` are not supported"
    } else if text.contains(|one: char| one.is_ascii_whitespace() || one.is_ascii_control()) {
        "it has a blank or a control character, which no name of a branch or a tag has"
    } else {
        "expected a commit ID or the name of a branch or a tag; Git allows no such name"
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// For messages: characters that have no ink, or turn the direction of the text, are escaped.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("HEAD"),
            Self::Commit(commit) => commit.fmt(f),
            Self::Name(name) => name.escape_debug().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_name_is_told_why() {
        for (text, expected) in [
            (" main ", "it begins or ends with a blank"),
            ("main\n", "it begins or ends with a blank"),
            ("\tHEAD", "it begins or ends with a blank"),
            (" 0123456789012345678901234567890123456789", "it begins or ends with a blank"),
            ("", "it is empty"),
            ("my branch", "it has a blank or a control character"),
            ("a\0b", "it has a blank or a control character"),
            ("main~1", "expressions such as `main~1` are not supported"),
            ("main^", "expressions such as"),
            ("main..topic", "expressions such as"),
            ("main@{1}", "expressions such as"),
            ("HEAD:src", "expressions such as"),
            ("a//b", "Git allows no such name"),
            ("topic.lock", "Git allows no such name"),
            ("a*", "Git allows no such name"),
        ] {
            let told = text.parse::<Revision>().unwrap_err().to_string();
            assert!(
                told.starts_with(&format!("the revision `{}` is invalid: ", text.escape_debug()))
                    && told.contains(expected),
                "{text:?}: {told}"
            );
        }
        let told = "x".repeat(300).parse::<Revision>().unwrap_err().to_string();
        let expected = format!("the revision `{}…` is invalid: it is longer than 255 bytes", "x".repeat(100));
        assert_eq!(told, expected);
        let told = crate::Source::parse("https://git.example/a.git", "main~1").unwrap_err().to_string();
        assert!(
            told.starts_with("the revision `main~1` of `https://git.example/a.git` is invalid: "),
            "{told}"
        );
        for text in ["100%", "a%20b", "a\u{a0}b", "\u{fc}", "u\u{308}", "-x", "a/b", "#7"] {
            assert_eq!(text.parse::<Revision>().unwrap(), Revision::Name(text.to_owned()));
        }
    }
}
