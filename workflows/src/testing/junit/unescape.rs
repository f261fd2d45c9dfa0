//! Character references of XML, read with patience: messages of tests hold whatever a program printed, and a
//! serializer that does not escape it properly is no reason to lose the tests.

use std::borrow::Cow;

use quick_xml::escape::resolve_predefined_entity;

/// Longer ones are not references.
const REFERENCE_BYTES_MAX: usize = 40;

/// Replaces `&lt;`, `&#65;` and the like.
///
/// A number that stands for no character becomes U+FFFD, except for the two halves of a surrogate pair, which become
/// the character that they mean. Other entities, which only a document type could define, and a single `&` are kept
/// as they are.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = match reference(rest) {
            Some((Reference::Named(known), after)) => {
                text.push_str(known);
                after
            }
            Some((Reference::Number(number), after)) => {
                let (character, after) = character(number, after);
                text.push(character);
                after
            }
            None => {
                text.push('&');
                &rest[1..]
            }
        };
    }
    text.push_str(rest);
    Cow::Owned(text)
}

enum Reference {
    Named(&'static str),
    Number(u32),
}

/// The reference at the beginning of a text, and what follows it.
fn reference(text: &str) -> Option<(Reference, &str)> {
    let inner = text.strip_prefix('&')?;
    // Another `&` ends the search, so that a text of nothing else is not searched again and again.
    let end = inner.bytes().take(REFERENCE_BYTES_MAX).position(|byte| matches!(byte, b';' | b'&'))?;
    if inner.as_bytes()[end] == b'&' {
        return None;
    }
    let (name, after) = (&inner[..end], &inner[end + 1..]);
    let reference = match name.strip_prefix('#') {
        None => Reference::Named(resolve_predefined_entity(name)?),
        Some(digits) => {
            let (digits, radix) = digits.strip_prefix(['x', 'X']).map_or((digits, 10), |digits| (digits, 16));
            if digits.is_empty() || !digits.chars().all(|one| one.is_digit(radix)) {
                return None;
            }
            // What is too large for a number is too large for a character.
            Reference::Number(u32::from_str_radix(digits, radix).unwrap_or(u32::MAX))
        }
    };
    Some((reference, after))
}

/// The character of a number, with the second half of a surrogate pair, and what follows.
fn character(number: u32, after: &str) -> (char, &str) {
    if (0xd800..0xdc00).contains(&number)
        && let Some((Reference::Number(low), behind)) = reference(after)
        && (0xdc00..0xe000).contains(&low)
        && let Some(character) = char::from_u32(0x1_0000 + ((number - 0xd800) << 10) + (low - 0xdc00))
    {
        return (character, behind);
    }
    (char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_read() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("&lt;&gt;&amp;&quot;&apos;", "<>&\"'"),
            ("&#65;&#x42;&#X43;", "ABC"),
            ("&amp;lt;", "&lt;"),
            ("&#0;&#x1b;", "\0\u{1b}"),
            ("&#xD83D;&#xDE00;!", "😀!"),
            ("&#55357;&#56832;", "😀"),
            ("&#xD83D;x", "\u{fffd}x"),
            ("&#xDE00;&#xD83D;", "\u{fffd}\u{fffd}"),
            ("&#xD83D;&#xD83D;&#xDE00;", "\u{fffd}😀"),
            ("&#x110000;&#99999999999999999999;", "\u{fffd}\u{fffd}"),
            ("a & b; &", "a & b; &"),
            ("&nbsp;&unknown;&b;", "&nbsp;&unknown;&b;"),
            ("&#;&#x;&#xZZ;&#-1;", "&#;&#x;&#xZZ;&#-1;"),
            ("&&lt;", "&<"),
            ("&ü;", "&ü;"),
        ] {
            assert_eq!(unescape(raw), expected, "{raw}");
        }
        let long = format!("&#{};", "1".repeat(100));
        assert_eq!(unescape(&long), long);
    }
}
