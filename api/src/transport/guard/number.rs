//! Numbers in a document that would change.
//!
//! The parser keeps numbers as 64-bit integers or doubles and forgets how they were written. In variables they are kept
//! as they are; a literal that would come out in another form is refused with its place.

use super::{
    Error,
    lexer::{line_len, place, string_len},
};
use crate::exact::is_canonical;

/// Refuses a number that the parser would change.
///
/// # Errors
/// [`Error::Number`].
pub(super) fn check(text: &str) -> Result<(), Error> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'#' => line_len(&bytes[at..]),
            b'"' => string_len(&bytes[at..]).unwrap_or(bytes.len()),
            b'-' | b'0'..=b'9' => {
                let number = leading_number(&text[at..]);
                if !is_canonical(number) {
                    return Err(changed(text, at, number));
                }
                number.len()
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => name_len(&bytes[at..]),
            _ => 1,
        };
    }
    Ok(())
}

fn changed(text: &str, at: usize, number: &str) -> Error {
    let (line, column) = place(text, at);
    Error::Number { number: number.chars().take(60).collect(), line, column }
}

fn leading_number(text: &str) -> &str {
    let belongs = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    &text[..text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len())]
}

fn name_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_change_are_refused_where_they_stand() {
        for number in ["1E2", "-0", "18446744073709551616", "-9223372036854775809", "1e-400", "2.50"] {
            let error = check(&format!("{{\n  f(a: {{b: {number}}})\n}}")).unwrap_err();
            let number = number.to_owned();
            assert_eq!(error, Error::Number { number, line: 2, column: 12 });
        }
    }

    #[test]
    fn other_numbers_strings_names_and_comments_pass() {
        for text in [
            "{ f(a: [1, -2, 1.5, 100.0, 18446744073709551615, -9223372036854775808]) }",
            r#"{ a1E2(s: "1E2", b: """ -0 "1E2 """) # 1E2
            }"#,
            "query q0E1 { x ...f1e2 }",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
