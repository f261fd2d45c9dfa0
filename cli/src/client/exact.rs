//! Values of JSON that print as they were written.
//!
//! Generic values hold numbers as 64-bit integers or doubles: `1E2` would come out as `100.0`, and 2^64 rounded. A
//! number that would print otherwise stands in a value as a string with a mark in front, which [`Exact`] takes off. A
//! string that begins with the character of the mark gets another mark, so that nothing is taken for a number.

use ctutor_engine::payload::{
    exact::{self, Form, is_canonical},
    strict,
};
use serde::{Serialize, Serializer};
use serde_json::Value;

const MARK: char = '\u{0}';
const NUMBER: &str = "\u{0}number:";
const STRING: &str = "\u{0}string:";

/// Reads JSON text into a value to be printed by [`Exact`].
pub(crate) fn read(text: &str) -> serde_json::Result<Value> {
    let mut value = serde_json::from_str(text)?;
    let numbers = strict::numbers(text);
    // A parser keeps one of two equal keys, so that the numbers cannot be told apart.
    let respells = numbers.iter().any(|number| !is_canonical(number)) && count(&value) == numbers.len();
    mark(&mut value, &mut numbers.into_iter().filter(|_| respells));
    Ok(value)
}

fn count(value: &Value) -> usize {
    match value {
        Value::Number(_) => 1,
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn mark<'a>(value: &mut Value, numbers: &mut impl Iterator<Item = &'a str>) {
    match value {
        Value::Number(_) => {
            if let Some(number) = numbers.next().filter(|number| !is_canonical(number)) {
                *value = format!("{NUMBER}{number}").into();
            }
        }
        Value::String(text) if text.starts_with(MARK) => text.insert_str(0, STRING),
        Value::Array(items) => items.iter_mut().for_each(|item| mark(item, numbers)),
        Value::Object(fields) => fields.values_mut().for_each(|field| mark(field, numbers)),
        _ => {}
    }
}

/// Writes a value as it was read.
#[derive(Debug)]
pub(crate) struct Exact<'a>(pub(crate) &'a Value);

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match self.0 {
            Value::String(marked) => match marked.strip_prefix(NUMBER) {
                Some(number) => Form::Text(number),
                None => return serializer.serialize_str(marked.strip_prefix(STRING).unwrap_or(marked)),
            },
            Value::Array(items) => Form::Array(items.iter().map(Exact)),
            Value::Object(fields) => {
                Form::Object(fields.iter().map(|(name, field)| (name.as_str(), Exact(field))))
            }
            plain => Form::Plain(plain),
        };
        exact::write(form, serializer)
    }
}

impl Exact<'_> {
    /// The text in one line.
    pub(crate) fn compact(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| self.0.to_string())
    }

    /// The text in several lines.
    pub(crate) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|_| self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_prints_as_it_was_written() {
        for text in [
            r#"{"a":[1E2,-0,{"b":18446744073709551616}],"c":"1E2","d":0.1234567890123456789}"#,
            r#"["\u0000number:1E2","\u0000string:x","\u0000",1e-07]"#,
            r#"{"a":1,"b":null}"#,
        ] {
            assert_eq!(Exact(&read(text).unwrap()).compact(), text);
        }
        assert_eq!(Exact(&read(r#"{"a":[2.50]}"#).unwrap()).pretty(), "{\n  \"a\": [\n    2.50\n  ]\n}");
    }

    #[test]
    fn a_repeated_key_moves_no_number_to_another_place() {
        assert_eq!(Exact(&read(r#"{"a":1E2,"a":2,"b":3.0}"#).unwrap()).compact(), r#"{"a":2,"b":3.0}"#);
    }
}
