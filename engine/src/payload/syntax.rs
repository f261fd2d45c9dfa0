//! Where text is not JSON, told so that a person can mend it.
//!
//! Parsers say it in words of their own. Once one has refused a text, it is read here again, to the first place where the
//! grammar (RFC 8259) does not allow what stands there.

use std::{collections::HashMap, fmt};

use serde_json::value::RawValue;

/// How much of what was found is repeated in a message.
const FOUND_CHARS_MAX: usize = 20;

/// The place where text stops being JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found} at line {line}, column {column}{}", Advice(*.advice))]
pub struct SyntaxError {
    /// What JSON allows there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted in characters from 1.
    pub column: usize,
    /// What to do, where the cause is a usual one.
    pub advice: Option<&'static str>,
}

struct Advice(Option<&'static str>);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

/// The text of bytes.
///
/// # Errors
/// The place of the first byte that is not UTF-8, or of a mark that stands in front of the text.
pub fn text(bytes: &[u8]) -> Result<&str, SyntaxError> {
    let utf16 = |found: &str| SyntaxError {
        expected: "text in UTF-8",
        found: found.to_owned(),
        line: 1,
        column: 1,
        advice: Some("encode it in UTF-8"),
    };
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(utf16("the byte order mark of UTF-16")),
        [0, 1..=0xff, ..] | [1..=0xff, 0, ..] => return Err(utf16("UTF-16")),
        _ => {}
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let before = String::from_utf8_lossy(&bytes[..at]);
            let (line, column) = place(&before, before.len());
            let found = bytes.get(at).map_or_else(String::new, |byte| format!("the byte 0x{byte:02X}"));
            let advice = Some("encode it in UTF-8");
            return Err(SyntaxError { expected: "text in UTF-8", found, line, column, advice });
        }
    };
    match text.starts_with('\u{feff}') {
        true => Err(fault(text, 0, VALUE)),
        false => Ok(text),
    }
}

/// The first place where text is not JSON; nothing if all of it is.
#[must_use]
pub fn find(text: &str) -> Option<SyntaxError> {
    let mut reader = Reader { text, at: 0, open: Vec::new() };
    reader.run().err().map(|expected| match reader.open.last() {
        Some(&(bracket, opened)) if reader.at >= text.len() => {
            let (line, column) = place(text, opened);
            let mut fault = fault(text, text.len(), expected);
            fault.found =
                format!("the end of the text (the `{bracket}` of line {line}, column {column} is open)");
            fault
        }
        _ => fault(text, reader.at, expected),
    })
}

/// The kind of a JSON value with its article, from its first character.
#[must_use]
pub fn kind(text: &str) -> &'static str {
    match text.trim_start().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'-' | b'0'..=b'9') => "a number",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) => "something else",
        None => "nothing",
    }
}

/// Line and column at which a part of a text begins, counted from 1.
#[must_use]
pub fn place_of(text: &str, part: &str) -> (usize, usize) {
    let at = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    if text.is_char_boundary(at) { place(text, at) } else { (1, 1) }
}

/// Line and column at which the value at a path begins, counted from 1; nothing if the text has no such value, or has a
/// key on the way that no text can stand for.
#[must_use]
pub fn place_at(text: &str, path: &[impl AsRef<str>]) -> Option<(usize, usize)> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    for step in path.iter().map(AsRef::as_ref) {
        value = match kind(value.get()) {
            "an array" => {
                let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                items.get(step.parse::<usize>().ok()?).copied()?
            }
            _ => {
                let fields: HashMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
                fields.get(step).copied()?
            }
        };
    }
    Some(place_of(text, value.get()))
}

/// Line and column of a byte, counted from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn fault(text: &str, at: usize, expected: &'static str) -> SyntaxError {
    let (line, column) = place(text, at);
    let rest = &text[at..];
    let word: String =
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(FOUND_CHARS_MAX).collect();
    let found = match rest.chars().next() {
        None => "the end of the text".to_owned(),
        Some('\u{feff}') => "a byte order mark (U+FEFF)".to_owned(),
        Some(_) if !word.is_empty() => format!("`{word}`"),
        Some(other) if other.is_control() || other.is_whitespace() => {
            format!("the character U+{:04X}", u32::from(other))
        }
        Some(other) => format!("`{other}`"),
    };
    let advice = advice(text, at, expected, &word);
    SyntaxError { expected, found, line, column, advice }
}

fn advice(text: &str, at: usize, expected: &'static str, word: &str) -> Option<&'static str> {
    let (before, rest) = (text[..at].trim_end(), &text[at..]);
    let is_word_of =
        |words: &[&str]| words.contains(&word) || words.iter().any(|word| rest.starts_with(word));
    match rest.chars().next() {
        Some('\u{feff}') => Some("save the text as UTF-8 without it"),
        Some('}' | ']') if before.ends_with(',') => Some("remove the comma in front of it"),
        Some('\'') => Some("JSON has strings in double quotes"),
        Some('/' | '#') => Some("JSON has no comments"),
        _ if is_word_of(&["NaN", "Infinity", "-Infinity"]) => {
            Some("JSON has finite numbers only; send null or a string")
        }
        _ if is_word_of(&["True", "False", "None", "undefined"]) => {
            Some("JSON has `true`, `false` and `null`")
        }
        _ if expected == KEY && !word.is_empty() => Some("put the key in double quotes"),
        _ if expected == CHARACTER => Some("write it as an escape, such as `\\n` or `\\u0009`"),
        _ => None,
    }
}

const VALUE: &str = "a JSON value";
const VALUE_OR_END: &str = "a JSON value or `]`";
const KEY: &str = "a key in double quotes";
const KEY_OR_END: &str = "a key in double quotes or `}`";
const COLON: &str = "`:` after the key";
const NEXT_ITEM: &str = "`,` or `]`";
const NEXT_FIELD: &str = "`,` or `}`";
const END: &str = "the end of the text";
const DIGIT: &str = "a digit";
const CHARACTER: &str = "a character of a string";
const QUOTE: &str = "`\"` at the end of the string";
const ESCAPE: &str = "one of `\"\\/bfnrtu` after the backslash";
const HEX: &str = "four hexadecimal digits after `\\u`";

/// Reads without recursion; a failure is what was expected at the place that was reached.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The brackets that are open, with their places.
    open: Vec<(char, usize)>,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        self.value(VALUE)?;
        while let Some(&(bracket, _)) = self.open.last() {
            self.space();
            match (bracket, self.peek()) {
                ('{', Some(b'}')) | ('[', Some(b']')) => {
                    self.at += 1;
                    self.open.pop();
                }
                ('{', Some(b',')) => {
                    self.at += 1;
                    self.field(KEY)?;
                }
                (_, Some(b',')) => {
                    self.at += 1;
                    self.value(VALUE)?;
                }
                ('{', _) => return Err(NEXT_FIELD),
                _ => return Err(NEXT_ITEM),
            }
        }
        self.space();
        if self.peek().is_some() { Err(END) } else { Ok(()) }
    }

    /// Reads a value; of an array or object the first item with what is in front of it.
    fn value(&mut self, mut expected: &'static str) -> Result<(), &'static str> {
        loop {
            self.space();
            match self.peek() {
                Some(b'[') => {
                    self.open.push(('[', self.at));
                    self.at += 1;
                    self.space();
                    if self.peek() == Some(b']') {
                        return Ok(());
                    }
                    expected = VALUE_OR_END;
                }
                Some(b'{') => {
                    self.open.push(('{', self.at));
                    self.at += 1;
                    self.space();
                    if self.peek() == Some(b'}') {
                        return Ok(());
                    }
                    self.key(KEY_OR_END)?;
                    expected = VALUE;
                }
                Some(b'"') => return self.string(),
                Some(b'-' | b'0'..=b'9') => return self.number(expected),
                _ => return self.word(expected),
            }
        }
    }

    fn field(&mut self, expected: &'static str) -> Result<(), &'static str> {
        self.key(expected)?;
        self.value(VALUE)
    }

    fn key(&mut self, expected: &'static str) -> Result<(), &'static str> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(expected);
        }
        self.string()?;
        self.space();
        self.take(b':', COLON)
    }

    fn string(&mut self) -> Result<(), &'static str> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(..0x20) => return Err(CHARACTER),
                Some(_) => self.at += self.text[self.at..].chars().next().map_or(1, char::len_utf8),
                None => return Err(QUOTE),
            }
        }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        let length = match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if rest.get(1..5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => 6,
            Some(b'u') => return Err(HEX),
            _ => return Err(ESCAPE),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self, expected: &'static str) -> Result<(), &'static str> {
        if self.text[self.at..].starts_with("-I") {
            return Err(expected);
        }
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), &'static str> {
        let digits = self.text[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        self.at += digits;
        if digits == 0 { Err(DIGIT) } else { Ok(()) }
    }

    fn word(&mut self, expected: &'static str) -> Result<(), &'static str> {
        let rest = &self.text[self.at..];
        let word: &str = &rest[..rest.bytes().take_while(u8::is_ascii_alphanumeric).count()];
        if !["true", "false", "null"].contains(&word) {
            return Err(expected);
        }
        self.at += word.len();
        Ok(())
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), &'static str> {
        if self.peek() != Some(byte) {
            return Err(expected);
        }
        self.at += 1;
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_path() {
        let text = "\n{\"a\": [1,\n  {\"é\": 2, \"b\": 3}], \"7\": null}";
        for (path, expected) in [
            (&[][..], Some((2, 1))),
            (&["a"], Some((2, 7))),
            (&["a", "1", "b"], Some((3, 17))),
            (&["7"], Some((3, 27))),
            (&["a", "2"], None),
        ] {
            assert_eq!(place_at(text, path), expected, "{path:?}");
        }
        // Of two values, the one that is too many.
        assert_eq!(place_at(r#"{"a":1,"a":2}"#, &["a"]), Some((1, 12)));
    }

    #[test]
    fn a_fault_is_told_with_its_place_and_what_to_do() {
        for (text, told) in [
            ("", "expected a JSON value, found the end of the text at line 1, column 1"),
            (
                "{",
                "expected a key in double quotes or `}`, found the end of the text (the `{` of line 1, column 1 is \
                 open) at line 1, column 2",
            ),
            (
                "{\"a\": [1,\n  2",
                "expected `,` or `]`, found the end of the text (the `[` of line 1, column 7 is open) at line 2, \
                 column 4",
            ),
            (
                "{\"a\": 1,\n}",
                "expected a key in double quotes, found `}` at line 2, column 1; remove the comma in front of it",
            ),
            ("[1,]", "expected a JSON value, found `]` at line 1, column 4; remove the comma in front of it"),
            (
                "{'a': 1}",
                "expected a key in double quotes or `}`, found `'` at line 1, column 2; JSON has strings in double quotes",
            ),
            (
                "{\"ä\": NaN}",
                "expected a JSON value, found `NaN` at line 1, column 7; JSON has finite numbers only; send null or a \
                 string",
            ),
            (
                "[-Infinity]",
                "expected a JSON value or `]`, found `-` at line 1, column 2; JSON has finite numbers only; send null or \
                 a string",
            ),
            (
                "{\"a\": True}",
                "expected a JSON value, found `True` at line 1, column 7; JSON has `true`, `false` and `null`",
            ),
            (
                "{\"a\": 1, b: 2}",
                "expected a key in double quotes, found `b` at line 1, column 10; put the key in double quotes",
            ),
            ("{\"a\" 1}", "expected `:` after the key, found `1` at line 1, column 6"),
            ("{\"a\": 1 \"b\": 2}", "expected `,` or `}`, found `\"` at line 1, column 9"),
            ("1 2", "expected the end of the text, found `2` at line 1, column 3"),
            ("[01]", "expected `,` or `]`, found `1` at line 1, column 3"),
            ("[1.]", "expected a digit, found `]` at line 1, column 4"),
            (
                "[\"a\tb\"]",
                "expected a character of a string, found the character U+0009 at line 1, column 4; write it as an escape, \
                 such as `\\n` or `\\u0009`",
            ),
            (
                "[\"\\x\"]",
                "expected one of `\"\\/bfnrtu` after the backslash, found `\\` at line 1, column 3",
            ),
            ("[\"\\u12\"]", "expected four hexadecimal digits after `\\u`, found `\\` at line 1, column 3"),
            ("[1] // x", "expected the end of the text, found `/` at line 1, column 5; JSON has no comments"),
        ] {
            assert_eq!(find(text).map(|fault| fault.to_string()).as_deref(), Some(told), "{text:?}");
        }
    }

    #[test]
    fn it_agrees_with_the_parser() {
        for text in [
            "null",
            " [ ] ",
            "{}",
            "{\"a\":{\"b\":[]},\"c\":[{},[1]]}",
            "-0.5e+7",
            "\"\\ud800\\n\"",
            "[true,false]",
            "0",
            "[[[[]]]]",
            "[1, 2 , 3]",
            "nul",
            "truex",
            "-",
            "1e",
            "{,}",
            "[,]",
            "{\"a\":}",
            "{\"a\"}",
            "\"",
            "\"\\",
            "}",
            "[}",
            "{\"a\":1]",
            "\u{a0}1",
            "1\u{0}",
        ] {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            assert_eq!(find(text).is_none(), is_json, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_told() {
        for (bytes, told) in [
            (
                &b"\xff\xfe{\0}\0"[..],
                "expected text in UTF-8, found the byte order mark of UTF-16 at line 1, column 1; encode it in UTF-8",
            ),
            (b"{\0}\0", "expected text in UTF-8, found UTF-16 at line 1, column 1; encode it in UTF-8"),
            (
                b"{\n\"\xe4\"}",
                "expected text in UTF-8, found the byte 0xE4 at line 2, column 2; encode it in UTF-8",
            ),
            (
                b"\xef\xbb\xbf{}",
                "expected a JSON value, found a byte order mark (U+FEFF) at line 1, column 1; save the text as UTF-8 without it",
            ),
        ] {
            assert_eq!(text(bytes).unwrap_err().to_string(), told);
        }
        assert_eq!(text("{\"ä\":1}".as_bytes()), Ok("{\"ä\":1}"));
    }

    #[test]
    fn deep_text_is_read_without_recursion() {
        assert_eq!(find(&"[".repeat(1_000_000)).unwrap().column, 1_000_001);
    }
}
