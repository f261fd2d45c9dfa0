//! Generic values that print as their JSON was written.
//!
//! Generic values hold numbers as 64-bit integers or doubles, and would print `1E2` as `100.0`. Who must keep more marks
//! such numbers in a value of the kind at hand, and says here what each value stands for.

use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};
use serde_json::{Number, value::RawValue};

/// What a value stands for in JSON.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a, Items, Fields, Plain> {
    /// JSON text, which is written as it is.
    Text(&'a str),
    /// An array of values that are written in the same way.
    Array(Items),
    /// An object of such values.
    Object(Fields),
    /// Something that serializes by itself.
    Plain(Plain),
}

/// Writes a value in its form.
///
/// # Errors
/// When the text of [`Form::Text`] is not JSON, and those of the serializer.
pub fn write<'a, S, Items, Fields, Plain>(
    form: Form<'a, Items, Fields, Plain>,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    Items: ExactSizeIterator<Item: Serialize>,
    Fields: ExactSizeIterator<Item = (&'a str, Items::Item)>,
    Plain: Serialize,
{
    match form {
        Form::Text(text) => {
            serde_json::from_str::<&RawValue>(text).map_err(S::Error::custom)?.serialize(serializer)
        }
        Form::Array(items) => {
            let mut sequence = serializer.serialize_seq(Some(items.len()))?;
            for item in items {
                sequence.serialize_element(&item)?;
            }
            sequence.end()
        }
        Form::Object(fields) => {
            let mut map = serializer.serialize_map(Some(fields.len()))?;
            for (name, field) in fields {
                map.serialize_entry(name, &field)?;
            }
            map.end()
        }
        Form::Plain(plain) => plain.serialize(serializer),
    }
}

/// Whether a generic value prints the number as it is written.
#[must_use]
pub fn is_canonical(number: &str) -> bool {
    number.parse::<Number>().is_ok_and(|parsed| parsed.to_string() == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_canonical_if_they_print_as_they_are_written() {
        for number in ["0", "-1", "100.0", "0.1", "18446744073709551615", "1e+21"] {
            assert!(is_canonical(number), "{number}");
        }
        for number in ["-0", "1E2", "2.50", "1e-07", "18446744073709551616", "1e400", "1e-400", "x"] {
            assert!(!is_canonical(number), "{number}");
        }
    }
}
