//! Values that scripts send as strings: `"10"` for a number, `"true"` for a boolean.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// An integer from 0 to 4,294,967,295, also accepted as a string of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor).map(Self)
    }
}

impl JsonSchema for Count {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": u32::MAX,
            "pattern": "^[0-9]{1,10}$",
            "description": "An integer from 0 to 4294967295, or a string of its digits.",
        })
    }
}

struct CountVisitor;

impl de::Visitor<'_> for CountVisitor {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, or a string of its digits")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u32, E> {
        // JSON Schema counts 5.0 as an integer, so it has passed the schema check.
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked just above"
            )]
            return Ok(number as u32);
        }
        Err(E::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u32, E> {
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// A boolean, also accepted as a string: `true`, `1` and `yes` in any case are true, other strings are false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Truth(pub bool);

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Truth(bool),
            Text(String),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Truth(truth) => truth,
            Written::Text(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
        }))
    }
}

impl JsonSchema for Truth {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Truth".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_written_as_strings() {
        let read = |text| serde_json::from_str::<Count>(text).map(|count| count.0);
        assert_eq!(read("10").unwrap(), 10);
        assert_eq!(read(r#""10""#).unwrap(), 10);
        assert_eq!(read("5.0").unwrap(), 5);
        assert!(read("-1").is_err());
        assert!(read(r#""ten""#).unwrap_err().to_string().contains("an integer"));
    }

    #[test]
    fn booleans_may_be_written_as_strings() {
        let read = |text| serde_json::from_str::<Truth>(text).unwrap().0;
        assert!(read("true") && read(r#""true""#) && read(r#""1""#) && read(r#""YES""#));
        assert!(!read("false") && !read(r#""no""#));
    }
}
