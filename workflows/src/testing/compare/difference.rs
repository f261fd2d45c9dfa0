//! What a student reads when output is not what it should be.

use std::fmt::Write as _;

use ctutor_sandbox::Captured;
use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{
    Comparison, Ignore, are_equal, has_part, only_difference,
    units::{Place, Units},
    visible::{
        Signs, are_equivalent, has_equivalent, is_seen, legend, may_be_confused, name, visible, visible_but,
    },
};

/// How much of a long line is shown, in characters, and how much of that lies before the difference.
const LINE_CHARS_MAX: usize = 100;
const LINE_CHARS_BEFORE: usize = 60;
/// How much is shown of a text of several lines, and how much of that lies before the difference.
const LINES_MAX: usize = 10;
const LINES_BEFORE: usize = 3;
const ONLY_FORM: &str = "only the form of characters differs: composed or decomposed letters, or characters that Unicode calls compatible";

/// The difference between a whole output and the expected one.
pub(super) fn of_whole(expected: &str, output: &Captured, how: Comparison) -> String {
    let found = output.text();
    if found.is_empty() {
        return nothing_written("should be", expected);
    }
    let (expected_units, found_units) = (Units::of(expected, how), Units::of(&found, how));
    let same = expected_units.0.iter().zip(&found_units.0).take_while(|(one, other)| one.one == other.one);
    let index = same.count();
    let (wanted, wanted_at) = expected_units.at(index);
    let (got, got_at) = found_units.at(index);

    let (wanted_one, got_one) = (wanted, got);
    let mut message = format!("the output differs from the expected one in {}", place(got_at));
    if got_at.line != wanted_at.line {
        let _ = write!(message, " (line {} of the expected output)", wanted_at.line);
    }
    let got = match got {
        None if output.truncated => "more output than is compared".to_owned(),
        got => end_or_name(got),
    };
    let _ = write!(message, ": expected {}, found {got}", end_or_name(wanted));
    // Of an output that was cut nobody knows how it goes on.
    let only =
        (!output.truncated).then(|| only_difference(how, |how| are_equal(expected, &found, how))).flatten();
    let only = only.or_else(|| are_equivalent(expected.trim_end(), found.trim_end()).then_some(ONLY_FORM));
    if let Some(words) = only {
        let _ = write!(message, " ({words})");
    }
    push_notes(&mut message, output, &found, |text| are_equal(expected, text, how));

    let in_signs = |signs| [line_at(expected, wanted_at, signs), line_at(&found, got_at, signs)];
    let is_combined = expected_units.is_combined(index) || found_units.is_combined(index);
    let (mut lines, mut signs) = (in_signs(Signs::Usual), Signs::Usual);
    if is_combined || look_alike(&lines) {
        (lines, signs) = (in_signs(Signs::All), Signs::All);
    }
    let is_confusing = wanted_one.zip(got_one).is_some_and(|(one, other)| may_be_confused(one, other));
    if is_confusing || are_equivalent(&lines[0], &lines[1]) {
        let code_at = |text, at| line_with(text, at, signs, |line, place| visible_but(line, place, signs));
        lines = [code_at(expected, wanted_at), code_at(&found, got_at)];
    }
    let _ = write!(message, "\nexpected: {}\nfound:    {}", lines[0], lines[1]);
    if let Some(legend) = legend(&lines, signs) {
        let _ = write!(message, "\n({legend})");
    }
    if expected.trim_end().contains('\n') || found.trim_end().contains('\n') {
        let _ = write!(
            message,
            "\n\nexpected output:\n{}\n\noutput:\n{}",
            lines_around(expected, wanted_at.line, Signs::Usual),
            lines_around(&found, got_at.line, Signs::Usual)
        );
    }
    message
}

/// An output that lacks what it should contain.
pub(super) fn of_part(part: &str, output: &Captured, how: Comparison) -> String {
    let found = output.text();
    if found.is_empty() {
        return nothing_written("should contain", part);
    }
    let only = (!output.truncated).then(|| only_difference(how, |how| has_part(&found, part, how))).flatten();
    let seen = |text: &str| text.chars().filter(|one| is_seen(*one)).collect::<String>();
    let is_equivalent = has_equivalent(&found, part);
    let looks_right = is_equivalent || seen(&found).contains(&seen(part));
    let signs = if only.is_some() || looks_right { Signs::All } else { Signs::Usual };
    let only = only.or(is_equivalent.then_some(ONLY_FORM));
    let mut message = "the output does not contain what it should".to_owned();
    if let Some(words) = only {
        let _ = write!(message, " ({words})");
    }
    push_notes(&mut message, output, &found, |text| has_part(text, part, how));
    let texts = [lines_around(part, 1, signs), lines_around(&found, 1, signs)];
    let _ = write!(message, "\nexpected to contain:\n{}\noutput:\n{}", texts[0], texts[1]);
    if let Some(legend) = legend(&texts, signs) {
        let _ = write!(message, "\n({legend})");
    }
    message
}

fn nothing_written(should: &str, expected: &str) -> String {
    format!(
        "the program wrote nothing to standard output, which {should}\n{}",
        lines_around(expected, 1, Signs::Usual)
    )
}

/// What is wrong with the output as a whole.
fn push_notes(message: &mut String, output: &Captured, found: &str, is_right: impl Fn(&str) -> bool) {
    if output.truncated {
        let _ = write!(message, "; only the first {} bytes of the output are compared", output.bytes.len());
    }
    push_not_utf8(message, output, found);
    if let Some(name) = other_encoding(&output.bytes, is_right) {
        let _ = write!(message, "; it would be right in the encoding {name}: the program has to write UTF-8");
    }
}

/// An encoding in which the output is right.
fn other_encoding(bytes: &[u8], is_right: impl Fn(&str) -> bool) -> Option<&'static str> {
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    // One NUL behind one character is the end of a string in C.
    if is_utf8 && (!bytes.contains(&0) || bytes.len() < 2 * size_of::<u16>()) {
        return None;
    }
    let known = [(UTF_16LE, "UTF-16"), (UTF_16BE, "UTF-16"), (WINDOWS_1252, "ISO-8859-1 or Windows-1252")];
    // What is UTF-8 was not meant as an encoding of single bytes.
    let mut possible = known.into_iter().filter(|(encoding, _)| !(is_utf8 && encoding.is_single_byte()));
    let found = possible.find(|(encoding, _)| {
        let (text, had_errors) = encoding.decode_with_bom_removal(bytes);
        !had_errors && is_right(&text)
    });
    found.map(|(_, name)| name)
}

fn push_not_utf8(message: &mut String, output: &Captured, found: &str) {
    let Err(fault) = std::str::from_utf8(&output.bytes) else { return };
    // The last character may only have been cut.
    if let (Some(_), Some(byte)) = (fault.error_len(), output.bytes.get(fault.valid_up_to())) {
        let how = Comparison { ignore: Ignore::Nothing, ignore_case: false };
        let (_, at) = Units::of(&found[..fault.valid_up_to()], how).at(usize::MAX);
        let _ = write!(message, "; the output is not UTF-8: byte 0x{byte:02X} in {}", place(at));
    }
}

/// Whether only blanks tell the two apart.
fn look_alike([one, other]: &[String; 2]) -> bool {
    let seen = |text: &str| text.chars().filter(|one| is_seen(*one)).collect::<String>();
    seen(one) == seen(other)
}

fn place(place: Place) -> String {
    format!("line {}, column {}", place.line, place.column)
}

fn end_or_name(one: Option<char>) -> String {
    one.map_or_else(|| "the end of the output".to_owned(), name)
}

/// A line of a text around a place in it.
fn line_at(text: &str, at: Place, signs: Signs) -> String {
    line_with(text, at, signs, |line, _| visible(line, signs))
}

/// A line around a place as `show` makes it of the text and of the place in it.
fn line_with(text: &str, at: Place, signs: Signs, show: impl Fn(&str, usize) -> String) -> String {
    let line = text.split_inclusive('\n').nth(at.line - 1).unwrap_or_default();
    let line = if signs == Signs::All { line } else { line.trim_end_matches('\n') };
    let first = if line.chars().count() > LINE_CHARS_MAX {
        (at.column - 1).saturating_sub(LINE_CHARS_BEFORE)
    } else {
        0
    };
    let shown: String = line.chars().skip(first).take(LINE_CHARS_MAX).collect();
    let before = if first > 0 { "…" } else { "" };
    let after = if line.chars().count() > first + LINE_CHARS_MAX { "…" } else { "" };
    format!("{before}{}{after}", show(&shown, at.column - 1 - first))
}

/// Some lines of a text around one of them.
fn lines_around(text: &str, line: usize, signs: Signs) -> String {
    let first = line.saturating_sub(LINES_BEFORE + 1);
    let count = text.lines().count();
    let place = |number| Place { line: number + 1, column: 1 };
    let shown = (first..count.min(first + LINES_MAX)).map(|number| line_at(text, place(number), signs));
    let before = (first > 0).then(|| "…".to_owned());
    let after = (count > first + LINES_MAX).then(|| "…".to_owned());
    before.into_iter().chain(shown).chain(after).collect::<Vec<_>>().join("\n")
}
