//! What the strings of a document stand for.

/// Why a string stands for nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadEscape(pub(super) String);

/// The value of a string, from what stands between its quotes.
pub(super) fn unescape(raw: &str) -> Result<String, BadEscape> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (char, len) = escaped(escape).ok_or_else(|| bad(escape))?;
        value.push(char);
        rest = &escape[len..];
    }
    value.push_str(rest);
    Ok(value)
}

fn bad(escape: &str) -> BadEscape {
    let is_wide = escape.starts_with("\\u");
    BadEscape(escape.chars().take(if is_wide { 6 } else { 2 }).collect())
}

/// The character that an escape stands for, and the length of the escape.
fn escaped(text: &str) -> Option<(char, usize)> {
    let char = match text[1..].chars().next()? {
        'u' => return unicode(text),
        char @ ('"' | '\\' | '/') => char,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    };
    Some((char, 2))
}

/// `\u{1F600}`, `\u00e4`, or a pair of surrogates as in JSON.
fn unicode(text: &str) -> Option<(char, usize)> {
    if let Some(braced) = text.strip_prefix("\\u{") {
        let digits = &braced[..braced.find('}')?];
        let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        return Some((char::from_u32(code)?, digits.len() + 4));
    }
    let high = unit(text)?;
    match char::from_u32(high) {
        Some(char) => Some((char, 6)),
        None => {
            let pair = [u16::try_from(high).ok()?, u16::try_from(unit(&text[6..])?).ok()?];
            let char = char::decode_utf16(pair).next()?.ok()?;
            Some((char, 12))
        }
    }
}

/// The code unit of `\uXXXX`.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// The value of a block string, from what stands between its quotes: without the indentation that its lines share,
/// and without the blank lines at both ends.
pub(super) fn unindent(raw: &str) -> String {
    let raw = raw.replace("\\\"\"\"", "\"\"\"").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = raw.split('\n').collect();
    let indent_of = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &&str| indent_of(line) == line.len();
    let shared =
        lines.iter().skip(1).filter(|line| !is_blank(line)).map(|line| indent_of(line)).min().unwrap_or(0);
    let Some(first) = lines.iter().position(|line| !is_blank(line)) else { return String::new() };
    let last = lines.iter().rposition(|line| !is_blank(line)).unwrap_or(first);
    let unindented = |index: usize| {
        let line = lines[index];
        if index == 0 { line } else { line.get(shared..).unwrap_or_default() }
    };
    (first..=last).map(unindented).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_characters() {
        assert_eq!(unescape(r#"a\"\\\/\b\f\n\r\tz"#), Ok("a\"\\/\u{8}\u{c}\n\r\tz".to_owned()));
        assert_eq!(unescape(r"\u00e4\u{1F600}\uD83D\uDE00\u{0000000041}"), Ok("ä😀😀A".to_owned()));
        for wrong in [
            r"\x",
            r"\u12",
            r"\u{}",
            r"\u{D800}",
            r"\u{110000}",
            r"\uD83D",
            r"\uD83Dx",
            r"\uD83D\u0041",
            r"\uDE00",
            r"\u{+41}",
            r"\u+123",
            r"\uäää",
        ] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn block_strings_lose_what_their_lines_share() {
        for (raw, value) in [
            ("", ""),
            (" \n\t\r\n", ""),
            ("abc", "abc"),
            ("  abc  ", "  abc  "),
            ("\n    a\n      b\r\n\r    c\n  ", "a\n  b\n\nc"),
            ("a\n \n  b", "a\n\nb"),
            (r#"\"""x\n"#, r#""""x\n"#),
        ] {
            assert_eq!(unindent(raw), value, "{raw:?}");
        }
    }
}
