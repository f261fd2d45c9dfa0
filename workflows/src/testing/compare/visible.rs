//! Text of programs as people can read it: what is invisible gets a sign.

use std::fmt::Write as _;

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
        '\u{a0}' => "a no-break space",
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
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether the character changes the shape of the one before it.
pub(super) fn is_combining(one: char) -> bool {
    matches!(
        one,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
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
}
