use std::fmt;

/// Why text does not name an origin, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {reason}; {remedy}", Found(.found.as_deref()))]
pub struct OriginError {
    /// The text, unless it may hold a password.
    found: Option<String>,
    reason: String,
    remedy: String,
}

impl OriginError {
    pub(super) fn new(found: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { found: Some(found.to_owned()), reason: reason.into(), remedy: remedy.into() }
    }

    /// The remedy is another text.
    pub(super) fn write(found: &str, reason: impl Into<String>, text: impl fmt::Display) -> Self {
        Self::new(found, reason, format!("write `{text}`"))
    }

    /// Of a text that is not repeated.
    pub(super) fn of_secret(reason: impl Into<String>, text: impl fmt::Display) -> Self {
        Self { found: None, reason: reason.into(), remedy: format!("write `{text}`") }
    }
}

struct Found<'a>(Option<&'a str>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some("") => f.write_str("the origin"),
            Some(found) => write!(f, "`{found}`"),
            None => f.write_str("the origin"),
        }
    }
}
