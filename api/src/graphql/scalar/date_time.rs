use async_graphql::{Description, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use ctutor_engine::clock::Timestamp;

/// What is accepted.
const FORM: &str = "a date-time in RFC 3339 with an offset, such as `2026-01-31T12:00:00Z`";

/// A point in time in RFC 3339 with an offset, such as `2026-01-31T12:00:00Z`; returned in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Description)]
pub struct DateTime(pub Timestamp);

#[Scalar(
    use_type_description,
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let time = chrono::DateTime::parse_from_rfc3339(text)
            .map_err(|_| InputValueError::custom(format!("expected {FORM}")))?;
        Ok(Self(time.to_utc().into()))
    }

    fn is_valid(value: &Value) -> bool {
        Self::check(value).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl DateTime {
    /// Whether a value is one.
    ///
    /// # Errors
    /// What was expected.
    pub(in crate::graphql) fn check(value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => Ok(()),
            Value::String(_) => Err(FORM.to_owned()),
            _ => Err(format!("a string with {FORM}")),
        }
    }
}

impl From<Timestamp> for DateTime {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> InputValueResult<DateTime> {
        DateTime::parse(Value::String(text.to_owned()))
    }

    #[test]
    fn an_instant_is_read_with_any_offset_and_written_in_utc() {
        let time = parse("2026-01-31T13:00:00.5+01:00").unwrap();
        assert_eq!(time.to_value(), Value::from("2026-01-31T12:00:00.500Z"));
        assert_eq!(parse("2026-01-31T12:00:00.500Z").unwrap(), time);
    }

    #[test]
    fn a_string_without_offset_and_a_number_are_refused() {
        assert!(parse("2026-01-31T12:00:00").is_err());
        assert!(parse("2026-01-31").is_err());
        assert!(parse("").is_err());
        assert!(DateTime::parse(Value::from(1_700_000_000)).is_err());
        assert_eq!(DateTime::check(&Value::from("2026-01-31")), Err(FORM.to_owned()));
        assert_eq!(DateTime::check(&Value::from(1_700_000_000)), Err(format!("a string with {FORM}")));
        assert_eq!(DateTime::check(&Value::from("2026-01-31T12:00:00Z")), Ok(()));
    }
}
