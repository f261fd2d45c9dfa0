//! The output of a program against what it should be: what counts, and where two texts that may look alike differ.

mod counts;
mod difference;
mod units;
mod visible;

use ctutor_sandbox::Captured;

pub(super) use counts::{Comparison, Ignore};

use super::plan::Expected;

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
