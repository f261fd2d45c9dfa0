//! JSON values on their way through GraphQL, without a change to how they were written.
//!
//! The values of the GraphQL library hold numbers as 64-bit integers or doubles, and would print `1E2` as `100.0`. So
//! two kinds of its values have a second meaning here, which no request and no resolver can give them otherwise:
//!
//! - an enum value that begins with a digit or a minus sign is a number as it was written;
//! - binary data is JSON text, such as a payload of an answer.

use async_graphql::{Name, Value, Variables};
use ctutor_engine::payload::{Payload, strict};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::Error as _,
    ser::{Error as _, SerializeMap, SerializeSeq},
};
use serde_json::value::RawValue;

/// The variables of a request, as they were written.
#[derive(Debug, Default)]
pub(crate) struct ExactVariables(pub(crate) Variables);

impl<'de> Deserialize<'de> for ExactVariables {
    /// Refuses a repeated key, and a number that would be rounded, with the place.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<Box<RawValue>>::deserialize(deserializer)?;
        let Some(text) = text.as_deref().map(RawValue::get) else { return Ok(Self::default()) };
        let numbers = strict::check(text).map_err(|fault| {
            let mut place = "variables".to_owned();
            for step in &fault.path {
                place.push('.');
                place.push_str(step);
            }
            D::Error::custom(format_args!("`{place}`: {fault}"))
        })?;
        if numbers.iter().all(|number| is_canonical(number)) {
            return serde_json::from_str(text).map(Self).map_err(D::Error::custom);
        }
        // For the refusal of what is not an object.
        serde_json::from_str::<Variables>(text).map_err(D::Error::custom)?;
        let mut value = serde_json::from_str(text).map_err(D::Error::custom)?;
        respell(&mut value, &mut numbers.into_iter());
        Ok(Self(Variables::from_value(value)))
    }
}

/// Whether the library's value prints the number in the same way.
pub(crate) fn is_canonical(number: &str) -> bool {
    number.parse::<serde_json::Number>().is_ok_and(|parsed| parsed.to_string() == number)
}

/// Gives the numbers of a value the spelling of its text, whose order is that of the value: no key appears twice.
fn respell<'a>(value: &mut Value, numbers: &mut impl Iterator<Item = &'a str>) {
    match value {
        Value::Number(_) => {
            if let Some(number) = numbers.next().filter(|number| !is_canonical(number)) {
                *value = Value::Enum(Name::new(number));
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| respell(item, numbers)),
        Value::Object(fields) => fields.values_mut().for_each(|field| respell(field, numbers)),
        _ => {}
    }
}

/// A payload as a value of an answer.
pub(crate) fn value(payload: &Payload) -> Value {
    Value::Binary(payload.as_str().to_owned().into())
}

/// A value of a request as a payload.
pub(crate) fn payload(value: &Value) -> Result<Payload, serde_json::Error> {
    serde_json::value::to_raw_value(&Exact(value)).map(Payload::from)
}

/// Writes a value with both second meanings.
#[derive(Debug)]
pub(crate) struct Exact<'a>(pub(crate) &'a Value);

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Enum(name) if name.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                raw(name, serializer)
            }
            Value::Binary(bytes) => raw(std::str::from_utf8(bytes).map_err(S::Error::custom)?, serializer),
            Value::List(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&Self(item))?;
                }
                sequence.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, &Exact(field))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

fn raw<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<&RawValue>(text).map_err(S::Error::custom)?.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> Result<String, String> {
        let ExactVariables(variables) = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(payload(&variables.into_value()).unwrap().as_str().to_owned())
    }

    #[test]
    fn variables_keep_the_spelling_of_their_numbers() {
        for text in [
            r#"{"a":[1E2,{"z":-0,"y":[2.50,"1E2"],"b":1e-07}],"b":18446744073709551615,"c":100.0}"#,
            r#"{"a":{"ä":"\u0000","":null,"x":[true,[],{}]}}"#,
            "{}",
        ] {
            assert_eq!(through(text).as_deref(), Ok(text));
        }
        assert_eq!(through("null").as_deref(), Ok("{}"));
    }

    #[test]
    fn what_would_be_lost_is_refused_with_its_place() {
        for (text, place) in [
            (
                r#"{"input":{"input":{"x":[0,18446744073709551616]}}}"#,
                "`variables.input.input.x.1`: the number",
            ),
            (
                r#"{"input":{"memo":{"a":1,"\u0061":2}}}"#,
                "`variables.input.memo.a`: the key `a` appears twice",
            ),
            (r#"{"a":1,"a":2}"#, "`variables.a`: the key `a` appears twice"),
            (r#"{"a":"\udc00"}"#, "`variables.a`: the string has an escape"),
        ] {
            let message = through(text).unwrap_err();
            assert!(message.starts_with(place), "{message}");
        }
        assert!(through("[1E2]").is_err() && through("1E2").is_err() && through("\"a\"").is_err());
    }

    #[test]
    fn a_payload_is_written_as_it_is_stored() {
        let text = r#"{"a": 1E2, "a":18446744073709551616}"#;
        let answer =
            Value::List(vec![value(&Payload::parse(text).unwrap()), Value::Enum(Name::new("RUNNING"))]);
        assert_eq!(serde_json::to_string(&Exact(&answer)).unwrap(), format!(r#"[{text},"RUNNING"]"#));
    }
}
