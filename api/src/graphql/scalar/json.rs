use async_graphql::{
    Context, Description, Error, InputValueError, InputValueResult, Scalar, ScalarType, Value,
};
use ctutor_engine::payload::Payload;

use crate::{exact, graphql::extension::charge};

/// Any JSON value, such as the input or result of a workflow. The order of keys and the spelling of numbers are kept.
///
/// A number must be a 64-bit integer or a double, and no object may have a key twice; other values are refused.
#[derive(Debug, Clone, PartialEq, Description)]
pub struct Json(pub Value);

#[Scalar(use_type_description, name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

impl Json {
    /// The value for the engine.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn into_payload(self) -> Result<Payload, InputValueError<Self>> {
        exact::payload(&self.0).map_err(InputValueError::custom)
    }

    /// A payload as part of an answer.
    ///
    /// # Errors
    /// When the answer has no room for it.
    pub(in crate::graphql) fn answer(ctx: &Context<'_>, payload: &Payload) -> Result<Self, Error> {
        charge(ctx, payload.size_bytes())?;
        Ok(payload.into())
    }

    /// The same for a payload that may be missing.
    pub(in crate::graphql) fn answer_opt(
        ctx: &Context<'_>,
        payload: Option<&Payload>,
    ) -> Option<Result<Self, Error>> {
        payload.map(|payload| Self::answer(ctx, payload))
    }
}

impl From<&Payload> for Json {
    fn from(payload: &Payload) -> Self {
        Self(exact::value(payload))
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Name;

    use super::*;

    #[test]
    fn a_literal_becomes_json_text() {
        let fields =
            [("list", Value::List(vec![1.into(), Value::Null])), ("word", Value::Enum(Name::new("RED")))];
        let literal = fields.map(|(name, value)| (Name::new(name), value)).into_iter().collect();
        let payload = Json(Value::Object(literal)).into_payload().unwrap();
        assert_eq!(payload.as_str(), r#"{"list":[1,null],"word":"RED"}"#);
    }
}
