//! JSON values on their way through GraphQL, without a change to how they were written.
//!
//! The values of the GraphQL library hold numbers as 64-bit integers or doubles, and would print `1E2` as `100.0`. So
//! two kinds of its values have a second meaning here, which no request and no resolver can give them otherwise:
//!
//! - an enum value that begins with a digit or a minus sign is a number as it was written;
//! - binary data is JSON text, such as a payload of an answer.

use async_graphql::{Name, Value, Variables};
use ctutor_engine::payload::{
    Payload,
    exact::{self, Form, is_canonical},
    strict,
};
use serde::{Serialize, Serializer, ser::Error as _};

/// The variables of a request, as they were written, from the JSON text of an object or null.
///
/// Whether a number must be kept depends on its type, so that none is refused here.
///
/// # Errors
/// What would be lost, such as a repeated key, with its place.
pub(crate) fn variables(text: &str) -> Result<Variables, strict::Fault> {
    let numbers = strict::check_but_numbers(text)?;
    let grammar = |_| strict::Fault { path: Vec::new(), kind: strict::FaultKind::Grammar };
    if numbers.iter().all(|number| is_canonical(number)) {
        let variables: Option<Variables> = serde_json::from_str(text).map_err(grammar)?;
        return Ok(variables.unwrap_or_default());
    }
    let mut value = serde_json::from_str(&with_zeros(text, &numbers)).map_err(grammar)?;
    respell(&mut value, &mut numbers.into_iter());
    Ok(Variables::from_value(value))
}

/// The text with zeros in place of the numbers that are not canonical: the parser refuses some of them.
fn with_zeros(text: &str, numbers: &[&str]) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut end = 0;
    for number in numbers.iter().filter(|number| !is_canonical(number)) {
        let start = number.as_ptr() as usize - text.as_ptr() as usize;
        replaced.push_str(&text[end..start]);
        replaced.push('0');
        end = start + number.len();
    }
    replaced.push_str(&text[end..]);
    replaced
}

/// The number of a document or of variables, if it is one whose spelling the library does not keep.
pub(crate) fn spelled(name: &str) -> Option<&str> {
    name.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(name)
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
        let form = match self.0 {
            Value::Enum(name) if spelled(name).is_some() => Form::Text(name.as_str()),
            Value::Binary(bytes) => Form::Text(std::str::from_utf8(bytes).map_err(S::Error::custom)?),
            Value::List(items) => Form::Array(items.iter().map(Exact)),
            Value::Object(fields) => {
                Form::Object(fields.iter().map(|(name, field)| (name.as_str(), Exact(field))))
            }
            plain => Form::Plain(plain),
        };
        exact::write(form, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> Result<String, String> {
        let place = |fault: &strict::Fault| format!("`{}`: {fault}", fault.place());
        let variables = variables(text).map_err(|fault| place(&fault))?;
        Ok(payload(&variables.into_value()).unwrap().as_str().to_owned())
    }

    #[test]
    fn variables_keep_the_spelling_of_their_numbers() {
        for text in [
            r#"{"a":[1E2,{"z":-0,"y":[2.50,"1E2"],"b":1e-07}],"b":18446744073709551615,"c":100.0}"#,
            r#"{"a":[1e400,18446744073709551616,"é",-1e-400,0.1234567890123456789],"b":-0.0,"c":7}"#,
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
            (r#"{"input":{"memo":{"a":1,"\u0061":2}}}"#, "`input.memo.a`: the key `a` appears twice"),
            (r#"{"a":1,"a":2}"#, "`a`: the key `a` appears twice"),
            (r#"{"a":"\udc00"}"#, "`a`: the string has an escape"),
        ] {
            let message = through(text).unwrap_err();
            assert!(message.starts_with(place), "{message}");
        }
    }

    #[test]
    fn a_payload_is_written_as_it_is_stored() {
        let text = r#"{"a": 1E2, "a":18446744073709551616}"#;
        let answer =
            Value::List(vec![value(&Payload::parse(text).unwrap()), Value::Enum(Name::new("RUNNING"))]);
        assert_eq!(serde_json::to_string(&Exact(&answer)).unwrap(), format!(r#"[{text},"RUNNING"]"#));
    }
}
