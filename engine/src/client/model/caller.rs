//! Who asks.

/// Who asks, and what they may see. Every call takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Subject of the token.
    pub subject: String,
    /// Which runs exist for them.
    pub visibility: Visibility,
}

/// Which runs exist for a caller. What is outside answers like what was never there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All of the namespace.
    All,
    /// Those that the caller started.
    Own,
}
