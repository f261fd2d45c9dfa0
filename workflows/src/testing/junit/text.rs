//! Text of a report as it can be shown.

use crate::testing::report::MESSAGE_BYTES_MAX;

pub(super) const NAME_BYTES_MAX: usize = 300;
/// How much is read of what is told in one piece, as it is written in XML: more than a message may have, since a
/// reference is longer than its character.
pub(super) const RAW_BYTES_MAX: usize = 8 * MESSAGE_BYTES_MAX;

/// A name in one line that a terminal can show.
pub(super) fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.truncate(shown.floor_char_boundary(NAME_BYTES_MAX));
    if shown.is_empty() { "unnamed".to_owned() } else { shown }
}

/// A message without what no terminal and no database takes for text.
pub(super) fn readable(message: &str) -> String {
    let is_unfit = |one: char| one.is_control() && !matches!(one, '\n' | '\r' | '\t');
    message.replace(is_unfit, "\u{fffd}")
}

/// The first bytes of a text, but no part of a character.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

pub(super) fn shortened(text: &str) -> String {
    const BYTES_MAX: usize = 100;
    printable(beginning(text, BYTES_MAX))
}
