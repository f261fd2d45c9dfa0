//! Callers.

/// Who makes a call, and which runs they may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Subject of the token.
    pub subject: String,
    /// Which runs they may see.
    pub visibility: Visibility,
}

/// Which runs a caller may see. The others behave as if they did not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All runs of the namespace.
    All,
    /// Runs that the caller started.
    Own,
}
