//! The output of a program against what it should be: what counts, and where two texts that may look alike differ.

mod difference;
mod units;
mod visible;

use ctutor_sandbox::Captured;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::Expected;

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
pub(super) struct Comparison {
    pub(super) ignore: Ignore,
    pub(super) ignore_case: bool,
}

/// Compares an output with what it should be.
///
/// # Errors
/// What a student reads of the difference.
pub(super) fn compare(expected: &Expected, how: Comparison, output: &Captured) -> Result<(), String> {
    let text = output.text();
    match expected {
        Expected::Exact(expected) => {
            let is_text = std::str::from_utf8(&output.bytes).is_ok();
            if is_text && !output.truncated && are_equal(expected, &text, how) {
                return Ok(());
            }
            Err(difference::of_whole(expected, output, how))
        }
        Expected::Contains(part) => {
            if has_part(&text, part, how) {
                return Ok(());
            }
            Err(difference::of_part(part, output, how))
        }
    }
}

fn are_equal(expected: &str, found: &str, how: Comparison) -> bool {
    let [expected, found] = [expected, found].map(|text| units::Units::of(text, how).0);
    expected.len() == found.len() && expected.iter().zip(&found).all(|(one, other)| one.one == other.one)
}

fn has_part(text: &str, part: &str, how: Comparison) -> bool {
    let mut text = units::Units::of_part(text, how);
    // The last line counts as one even when nothing ends it, and the first and last words as words.
    if how.ignore >= Ignore::FinalNewlines {
        text.push('\n');
    }
    if how.ignore == Ignore::Whitespace {
        text = format!(" {} ", text.trim());
    }
    text.contains(&units::Units::of_part(part, how))
}

/// The smallest change to what counts under which a check succeeds, in words; `None` when nothing helps.
fn only_difference(how: Comparison, is_right: impl Fn(Comparison) -> bool) -> Option<&'static str> {
    let looser = [
        (Ignore::FinalNewlines, "only the line endings at the end differ"),
        (Ignore::LineEndings, "only the line endings differ"),
        (Ignore::TrailingWhitespace, "only whitespace at the ends of lines differs"),
        (Ignore::Whitespace, "only whitespace differs"),
    ];
    let found = looser
        .into_iter()
        .filter(|(ignore, _)| *ignore > how.ignore)
        .find(|(ignore, _)| is_right(Comparison { ignore: *ignore, ..how }));
    let case =
        || is_right(Comparison { ignore_case: true, ..how }).then_some("only upper and lower case differ");
    found.map(|(_, words)| words).or_else(case)
}

#[cfg(test)]
mod tests;
