//! What counts when output is compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Differences in whitespace that do not count when output is compared. Each value includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ignore {
    /// Every byte counts, a line feed at the end included.
    Nothing,
    /// Line endings at the very end do not count, neither whether there is one nor how many there are.
    #[default]
    FinalNewlines,
    /// How lines end does not count: CR LF (Windows), LF and CR are the same.
    LineEndings,
    /// Spaces, tabs and other whitespace at the ends of lines do not count.
    TrailingWhitespace,
    /// Only the words and their order count: any whitespace between them, line endings included, equals any other.
    Whitespace,
}

/// What counts when output is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::testing) struct Comparison {
    pub(in crate::testing) ignore: Ignore,
    pub(in crate::testing) ignore_case: bool,
}
