//! Text of programs as people can read it: what is invisible gets a sign.

use std::fmt::Write as _;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// How much of a text gets a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// Control characters and what has no shape; spaces, tabs and line feeds stay as they are.
    Usual,
    /// Also spaces, tabs, line feeds and combining characters, for texts that look alike otherwise.
    All,
}

const SPACE: char = '·';
/// Unicode has a picture of each control character from here on, in their order.
const PICTURES: u32 = 0x2400;
const PICTURE_OF_DELETE: char = '\u{2421}';

/// The text with signs for what nobody would see.
pub(super) fn visible(text: &str, signs: Signs) -> String {
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        push(&mut shown, one, signs);
    }
    shown
}

fn push(shown: &mut String, one: char, signs: Signs) {
    match (one, signs) {
        ('\n' | '\t' | ' ', Signs::Usual) => shown.push(one),
        (' ', Signs::All) => shown.push(SPACE),
        // What looks like a sign must not be taken for one.
        (SPACE, Signs::All) => push_code(shown, one),
        _ => match picture(one) {
            Some(picture) => shown.push(picture),
            None if is_picture(one) || is_shapeless(one) => push_code(shown, one),
            None if signs == Signs::All && is_combining(one) => push_code(shown, one),
            None => shown.push(one),
        },
    }
}

/// The text with the code of one character in its place, and signs as usual for the others.
pub(super) fn visible_but(text: &str, place: usize, signs: Signs) -> String {
    let mut shown = String::with_capacity(text.len());
    for (index, one) in text.chars().enumerate() {
        if index == place && !one.is_ascii() {
            push_code(&mut shown, one);
        } else {
            push(&mut shown, one, signs);
        }
    }
    shown
}

fn push_code(shown: &mut String, one: char) {
    // Writing to a string does not fail.
    let _ = write!(shown, "<{}>", code(one));
}

/// What the signs of these texts stand for; `None` when they have none that needs a word.
pub(super) fn legend(shown: &[String], signs: Signs) -> Option<String> {
    let known = [
        (SPACE, "space"),
        ('\u{2409}', "tab"),
        ('\u{240a}', "line feed"),
        ('\u{240d}', "carriage return"),
        ('\u{241b}', "escape"),
        ('\u{2400}', "NUL"),
        ('\u{2407}', "bell"),
        ('\u{2408}', "backspace"),
        ('\u{240b}', "vertical tab"),
        ('\u{240c}', "form feed"),
        (PICTURE_OF_DELETE, "delete"),
    ];
    let found: Vec<String> = known
        .iter()
        .filter(|(sign, _)| signs == Signs::All || *sign != SPACE)
        .filter(|(sign, _)| shown.iter().any(|text| text.contains(*sign)))
        .map(|(sign, name)| format!("{sign} {name}"))
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

/// A character in words, with its code point unless it is plain ASCII.
pub(super) fn name(one: char) -> String {
    let name = match one {
        ' ' => "a space",
        '\t' => "a tab",
        '\n' => "a line feed",
        '\r' => "a carriage return",
        '\0' => "a NUL",
        '\u{1b}' => "an escape character",
        '\u{7}' => "a bell",
        '\u{8}' => "a backspace",
        '\u{b}' => "a vertical tab",
        '\u{c}' => "a form feed",
        '\u{7f}' => "a delete character",
        '\u{a0}' => "a no-break space",
        '\u{3000}' => "an ideographic space",
        '\u{2028}' => "a line separator",
        '\u{2029}' => "a paragraph separator",
        '\u{200e}' => "a left-to-right mark",
        '\u{200f}' | '\u{61c}' => "a right-to-left mark",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "an invisible character for the direction of text"
        }
        '\u{ad}' => "a soft hyphen",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' => "a zero-width non-joiner",
        '\u{200d}' => "a zero-width joiner",
        '\u{202f}' => "a narrow no-break space",
        '\u{2060}' => "a word joiner",
        '\u{feff}' => "a byte order mark",
        '\u{fffd}' => "a byte that is not UTF-8",
        _ if is_combining(one) => "a combining character",
        _ if one.is_control() || is_shapeless(one) => "an invisible character",
        _ if one.is_ascii() => return format!("`{one}`"),
        _ => return format!("`{one}` ({})", code(one)),
    };
    if matches!(one, ' ' | '\u{fffd}') { name.to_owned() } else { format!("{name} ({})", code(one)) }
}

/// Whether the character puts ink on the paper.
pub(super) fn is_seen(one: char) -> bool {
    !one.is_whitespace() && picture(one).is_none() && !is_picture(one) && !is_shapeless(one)
}

fn code(one: char) -> String {
    format!("U+{:04X}", u32::from(one))
}

fn picture(one: char) -> Option<char> {
    match one {
        '\0'..='\u{1f}' => char::from_u32(PICTURES + u32::from(one)),
        '\u{7f}' => Some(PICTURE_OF_DELETE),
        _ => None,
    }
}

fn is_picture(one: char) -> bool {
    matches!(one, '\u{2400}'..='\u{2421}')
}

/// Characters without a shape of their own: blanks other than the space, format characters and fillers.
fn is_shapeless(one: char) -> bool {
    (one.is_whitespace() && one != ' ')
        || matches!(
            one,
            '\u{80}'..='\u{9f}'
                | '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffc}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{13430}'..='\u{1345f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                // For private use: each font shows them as it likes, most not at all.
                | '\u{e000}'..='\u{f8ff}'
                | '\u{e0000}'..='\u{10ffff}'
        )
}

/// Whether the character changes the shape of the one before it.
pub(super) fn is_combining(one: char) -> bool {
    is_combining_mark(one)
}

/// Whether one of the two is an ASCII character and the other looks much like one: letters of other alphabets and
/// widths, dashes, quotation marks.
pub(super) fn may_be_confused(one: char, other: char) -> bool {
    let looks_alike = |one| {
        matches!(
            one,
            '\u{b4}' | '\u{d7}' | '\u{2b9}'..='\u{2df}' | '\u{370}'..='\u{58f}' | '\u{1d00}'..='\u{1d7f}'
                | '\u{2010}'..='\u{2015}' | '\u{2018}'..='\u{201f}' | '\u{2024}'..='\u{2026}' | '\u{2032}'..='\u{2037}'
                | '\u{2043}'..='\u{2044}' | '\u{2212}'..='\u{2217}' | '\u{2223}' | '\u{2236}' | '\u{a4f8}'..='\u{a4ff}'
                | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}'
        )
    };
    one.is_ascii() != other.is_ascii() && (looks_alike(one) || looks_alike(other))
}

/// Whether two texts are the same for Unicode, written with other characters (composed or not, or compatible).
pub(super) fn are_equivalent(one: &str, other: &str) -> bool {
    one.nfkc().eq(other.nfkc())
}

/// Whether a text has a part that is the same for Unicode.
pub(super) fn has_equivalent(text: &str, part: &str) -> bool {
    let plain = |text: &str| text.nfkc().collect::<String>();
    !part.is_empty() && plain(text).contains(&plain(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invisible_gets_a_sign() {
        let text = "a b\t\u{a0}\u{200b}\r\n\u{1b}[0m\u{feff}e\u{301}";
        assert_eq!(visible(text, Signs::Usual), "a b\t<U+00A0><U+200B>␍\n␛[0m<U+FEFF>e\u{301}");
        assert_eq!(visible(text, Signs::All), "a·b␉<U+00A0><U+200B>␍␊␛[0m<U+FEFF>e<U+0301>");
    }

    #[test]
    fn a_sign_in_the_text_is_not_taken_for_one() {
        assert_eq!(visible("·␍", Signs::All), "<U+00B7><U+240D>");
        assert_eq!(visible("·␍", Signs::Usual), "·<U+240D>");
    }

    #[test]
    fn every_character_without_ink_gets_a_sign() {
        let unseen = "\0\u{7}\u{8}\u{b}\u{c}\r\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{61c}\u{180e}\u{2003}\u{200b}\u{200d}\u{200e}\u{200f}\
            \u{2028}\u{202e}\u{202f}\u{2060}\u{2067}\u{2800}\u{3000}\u{3164}\u{fe0f}\u{feff}\u{fffc}\u{ffff}\u{e000}\u{1d173}\u{e0061}\u{f0000}";
        for one in unseen.chars() {
            for signs in [Signs::Usual, Signs::All] {
                let shown = visible(&one.to_string(), signs);
                assert!(
                    shown.chars().all(|sign| sign != one && (is_seen(sign) || is_picture(sign))),
                    "{}",
                    code(one)
                );
            }
            assert!(!name(one).contains(one), "{}", code(one));
        }
    }

    #[test]
    fn marks_of_every_script_are_combining() {
        for one in ['\u{301}', '\u{5b4}', '\u{64b}', '\u{93f}', '\u{e31}', '\u{3099}', '\u{20dd}'] {
            assert!(is_combining(one), "{}", code(one));
            assert_eq!(visible(&one.to_string(), Signs::All), format!("<{}>", code(one)));
        }
        assert!(!is_combining('e') && !is_combining('é'));
    }
}
