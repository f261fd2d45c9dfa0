//! What JSON text from outside must keep to besides the grammar, so that nothing in it is lost without a word.
//!
//! Parsers read numbers as 64-bit integers or as doubles and keep the last of two equal keys. Text that would change
//! its meaning on the way is refused here with the place; everything else is stored as it was written.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use serde_json::value::RawValue;

use super::{Payload, number};

/// Arrays and objects inside each other. Readers of JSON stop at 128, and the payload stands inside other objects.
pub const DEPTH_MAX: usize = 100;

/// Levels that stand around a payload in what an interface reads, and that do not count as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// The text is the payload.
    Nothing,
    /// The payload is a field of the text.
    Object,
    /// The payload is a field of an input object among the variables of the text.
    Variables,
}

impl Around {
    fn levels(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Object => 1,
            Self::Variables => 2,
        }
    }
}

/// How much of a key or number is repeated in a message.
pub const SHOWN_CHARS_MAX: usize = 60;

/// Keys that begin so are not keys to the parser: it takes the object for the number or the JSON text of the first.
const RESERVED: &str = "$serde_json::private::";

/// A value that would not survive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Fault {
    /// The way to the value, from the outside.
    pub path: Vec<Step>,
    /// What is wrong with it.
    pub kind: FaultKind,
}

impl Fault {
    /// The path for a message, such as `input.list.1`; empty for the whole value.
    #[must_use]
    pub fn place(&self) -> String {
        self.path.iter().map(Step::to_string).collect::<Vec<_>>().join(".")
    }
}

/// One step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into an object, by a key as [`shown`] gives it.
    Key(String),
    /// Into an array, by a position from 0 on.
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => index.fmt(f),
        }
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// An object has the key twice.
    RepeatedKey(String),
    /// The parser would read something else than an object with this key.
    ReservedKey(String),
    /// Neither a 64-bit integer nor a double has this value.
    Number {
        /// The number as it was written.
        found: String,
        /// The nearest value that could be kept, if there is one.
        nearest: Option<String>,
    },
    /// A string or key with half of a surrogate pair or another escape that stands for no character.
    Text,
    /// Arrays and objects are nested deeper than [`DEPTH_MAX`].
    Depth,
    /// The text is not JSON.
    Grammar,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RepeatedKey(key) => write!(f, "the key `{}` appears twice in one object", shown(key)),
            Self::ReservedKey(key) => {
                write!(f, "the key `{}` is reserved: no key may begin with `{RESERVED}`", shown(key))
            }
            Self::Number { found, nearest } => {
                write!(f, "the number `{}` fits neither a 64-bit integer nor a double", shown(found))?;
                if let Some(nearest) = nearest {
                    write!(f, " (the nearest is `{nearest}`)")?;
                }
                f.write_str("; send it as a string to keep all of it")
            }
            Self::Text => {
                f.write_str("the string has an escape that is not a character, such as `\\ud800` alone")
            }
            Self::Depth => write!(f, "arrays and objects are nested deeper than {DEPTH_MAX} levels"),
            Self::Grammar => f.write_str("the text is not JSON"),
        }
    }
}

/// A key or number for a message or path: at most [`SHOWN_CHARS_MAX`] characters of it.
#[must_use]
pub fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}

/// Text that keeps to the rules. Who has one need not check its parts again.
#[derive(Debug)]
pub struct Checked<'a>(&'a str);

impl Checked<'_> {
    /// The fields of an object, each as a payload that counts as checked; nothing for other values.
    #[must_use]
    pub fn fields(&self) -> Option<BTreeMap<String, Payload>> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(self.0).ok()?;
        let payload = |raw: &RawValue| Payload { text: raw.get().into(), is_checked: true };
        Some(fields.into_iter().map(|(name, raw)| (name, payload(raw))).collect())
    }
}

/// Checks JSON text that is a payload or has payloads in it.
///
/// # Errors
/// The first [`Fault`].
pub fn check(text: &str, around: Around) -> Result<Checked<'_>, Fault> {
    Scan::new(text, Numbers::Kept, around).finish()?;
    check_grammar(text)?;
    Ok(Checked(text))
}

/// Checks the text of variables, whose types are not known yet, and returns its numbers in the order in which they stand there: which
/// of them must be kept is for the types to say, with [`check_number`].
///
/// # Errors
/// The first [`Fault`] that has nothing to do with numbers.
pub fn check_but_numbers(text: &str) -> Result<Vec<&str>, Fault> {
    let numbers = Scan::new(text, Numbers::Any, Around::Variables).finish()?;
    check_grammar(text)?;
    Ok(numbers)
}

/// Checks a number that a parser has taken.
///
/// # Errors
/// [`FaultKind::Number`] if neither a 64-bit integer nor a double has its value.
pub fn check_number(text: &str) -> Result<(), FaultKind> {
    number::check(text).map_err(|nearest| FaultKind::Number { found: text.to_owned(), nearest })
}

impl Payload {
    /// Checks a payload, unless it has been already.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn checked(&self) -> Result<Self, Fault> {
        if !self.is_checked {
            // That it is JSON is known of every payload.
            Scan::new(&self.text, Numbers::Kept, Around::Nothing).finish()?;
        }
        Ok(Self { text: self.text.clone(), is_checked: true })
    }
}

/// The scan trusts the grammar; the library's parser, which copies nothing here, checks it.
fn check_grammar(text: &str) -> Result<(), Fault> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(|_| ())
        .map_err(|_| Fault { path: Vec::new(), kind: FaultKind::Grammar })
}

/// The numbers of JSON text in the order in which they stand there, whatever they mean.
#[must_use]
pub fn numbers(text: &str) -> Vec<&str> {
    let (bytes, mut at, mut numbers) = (text.as_bytes(), 0, Vec::new());
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at += string_len(&bytes[at..]).unwrap_or(bytes.len()),
            b'-' | b'0'..=b'9' => {
                let number = leading_number(&text[at..]);
                numbers.push(number);
                at += number.len();
            }
            _ => at += 1,
        }
    }
    numbers
}

/// Whether numbers must survive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Kept,
    Any,
}

struct Scan<'a> {
    text: &'a str,
    rule: Numbers,
    depth_max: usize,
    at: usize,
    open: Vec<Open>,
    numbers: Vec<&'a str>,
}

/// An array or object whose end has not come yet.
enum Open {
    Array { index: usize },
    Object { keys: HashSet<String>, key: String, expects_key: bool },
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, rule: Numbers, around: Around) -> Self {
        let depth_max = DEPTH_MAX + around.levels();
        Self { text, rule, depth_max, at: 0, open: Vec::new(), numbers: Vec::new() }
    }

    /// The numbers of the text.
    fn finish(mut self) -> Result<Vec<&'a str>, Fault> {
        self.run().map_err(|kind| Fault { path: self.path(), kind })?;
        Ok(self.numbers)
    }

    fn run(&mut self) -> Result<(), FaultKind> {
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'{' => {
                    self.enter(Open::Object { keys: HashSet::new(), key: String::new(), expects_key: true })?;
                }
                b'[' => self.enter(Open::Array { index: 0 })?,
                b'}' | b']' => {
                    self.open.pop();
                    self.at += 1;
                }
                b',' => self.next_item(),
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn enter(&mut self, open: Open) -> Result<(), FaultKind> {
        if self.open.len() == self.depth_max {
            return Err(FaultKind::Depth);
        }
        self.open.push(open);
        self.at += 1;
        Ok(())
    }

    fn next_item(&mut self) {
        self.at += 1;
        match self.open.last_mut() {
            Some(Open::Array { index }) => *index += 1,
            Some(Open::Object { expects_key, .. }) => *expects_key = true,
            None => {}
        }
    }

    fn string(&mut self) -> Result<(), FaultKind> {
        let rest = &self.text[self.at..];
        let end = string_len(rest.as_bytes()).ok_or(FaultKind::Grammar)?;
        let quoted = &rest[..end];
        self.at += end;
        let is_key = matches!(self.open.last(), Some(Open::Object { expects_key: true, .. }));
        let has_escapes = quoted.contains('\\');
        if !is_key && !has_escapes {
            return Ok(());
        }
        let text = match has_escapes {
            true => serde_json::from_str(quoted).map_err(|_| FaultKind::Text)?,
            false => quoted[1..end - 1].to_owned(),
        };
        if let Some(Open::Object { keys, key, expects_key: expects_key @ true }) = self.open.last_mut() {
            *expects_key = false;
            key.clone_from(&text);
            if text.starts_with(RESERVED) {
                return Err(FaultKind::ReservedKey(text));
            }
            if !keys.insert(text) {
                return Err(FaultKind::RepeatedKey(key.clone()));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), FaultKind> {
        let found = leading_number(&self.text[self.at..]);
        if self.rule == Numbers::Kept {
            check_number(found)?;
        }
        self.numbers.push(found);
        self.at += found.len();
        Ok(())
    }

    fn path(&self) -> Vec<Step> {
        let step = |open: &Open| match open {
            Open::Array { index } => Step::Index(*index),
            Open::Object { key, .. } => Step::Key(shown(key)),
        };
        self.open.iter().map(step).collect()
    }
}

/// The number at the start.
fn leading_number(text: &str) -> &str {
    let belongs = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    &text[..text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len())]
}

/// Length of the string at the start, quotes included.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<(String, String)> {
        check(text, Around::Nothing).err().map(|fault| (fault.place(), fault.to_string()))
    }

    #[test]
    fn a_repeated_key_is_found_however_it_is_written() {
        for (text, path) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"a":1,"b":[0,{"x":{},"\u0078":2}]}"#, "b.1.x"),
            (r#"{"":1,"":2}"#, ""),
        ] {
            let (found, message) = fault(text).unwrap();
            assert_eq!(found, path, "{text}");
            assert!(message.contains("appears twice"), "{message}");
        }
        assert_eq!(fault(r#"[{"a":1},{"a":2},{"a":{"a":"a"},"A":"\"a\":1"}]"#), None);
    }

    #[test]
    fn a_number_that_would_be_rounded_is_told_with_its_place_and_the_nearest() {
        let (path, message) = fault(r#"{"list":[1,{"x":18446744073709551616}]}"#).unwrap();
        assert_eq!(path, "list.1.x");
        assert_eq!(
            message,
            "the number `18446744073709551616` fits neither a 64-bit integer nor a double (the nearest is \
             `1.8446744073709552e+19`); send it as a string to keep all of it"
        );
        assert_eq!(fault(r#"["18446744073709551616", 2.50, -0, 1E2]"#), None);
        assert_eq!(check_but_numbers("[-0, {\"a\": 1e400}]").unwrap(), ["-0", "1e400"]);
    }

    #[test]
    fn what_was_checked_is_not_checked_again() {
        let checked = check(r#"{"a":[1E2],"b":{"c":1}}"#, Around::Object).unwrap();
        let fields = checked.fields().unwrap();
        assert!(fields.values().all(|field| field.is_checked));
        assert_eq!(fields["a"].as_str(), "[1E2]");
        assert_eq!(check("[1]", Around::Nothing).unwrap().fields(), None);
        let wrong = Payload::parse(r#"{"a":1,"a":2}"#).unwrap();
        assert!(!wrong.is_checked && wrong.checked().is_err());
        let right = Payload::parse("[1]").unwrap().checked().unwrap();
        assert!(right.is_checked);
        assert_eq!(right, Payload::parse("[1]").unwrap());
    }

    #[test]
    fn all_numbers_are_found_and_no_digits_of_strings() {
        assert_eq!(numbers(r#"{"1":-0,"a":["\"2",1e400,"3"],"b":true}"#), ["-0", "1e400"]);
    }

    #[test]
    fn half_a_surrogate_pair_and_deep_nesting_are_refused() {
        assert_eq!(fault(r#"{"a":["\ud800"]}"#).unwrap().0, "a.0");
        assert_eq!(fault(r#"{"\udc00":1}"#).unwrap().0, "");
        assert_eq!(fault(r#"{"a":"\ud83d\ude00 \u0000"}"#), None);
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(fault(&nested(DEPTH_MAX)), None);
        assert!(fault(&nested(DEPTH_MAX + 1)).unwrap().1.contains("deeper than 100"));
        // What stands around a payload is not its own depth.
        assert!(check(&nested(DEPTH_MAX + 1), Around::Object).is_ok());
        assert!(check(&nested(DEPTH_MAX + 2), Around::Object).is_err());
        assert!(check_but_numbers(&nested(DEPTH_MAX + 2)).is_ok());
        assert!(check_but_numbers(&nested(DEPTH_MAX + 3)).is_err());
        assert!(fault(&nested(1_000_000)).is_some());
    }

    #[test]
    fn a_key_with_a_meaning_of_its_own_to_the_parser_is_refused() {
        for (text, path) in [
            (r#"{"a":{"$serde_json::private::RawValue":"1"}}"#, "a.$serde_json::private::RawValue"),
            (r#"{"$serde_json::private::RawValue":"1","b":1}"#, "$serde_json::private::RawValue"),
            (r#"[0,{"\u0024serde_json::private::Number":"1"}]"#, "1.$serde_json::private::Number"),
        ] {
            let (found, message) = fault(text).unwrap();
            assert_eq!(found, path, "{text}");
            assert!(message.contains("reserved"), "{message}");
        }
        assert_eq!(fault(r#"{"$serde":"$serde_json::private::RawValue"}"#), None);
    }

    #[test]
    fn a_long_key_is_shortened_in_the_path() {
        let (path, message) = fault(&format!(r#"{{"{}":[{{"ä":1,"ä":2}}]}}"#, "ö".repeat(200_000))).unwrap();
        assert_eq!(path, format!("{}….0.ä", "ö".repeat(SHOWN_CHARS_MAX)));
        assert_eq!(message, "the key `ä` appears twice in one object");
    }

    #[test]
    fn other_text_is_not_json() {
        for text in ["", "{", "NaN", "[Infinity]", "01", "1.", "{a:1}", "\"", "[1,]", "--1", "1 2", "\"\\x\""]
        {
            assert!(check(text, Around::Nothing).is_err(), "{text}");
        }
    }
}
