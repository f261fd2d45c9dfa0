use async_graphql::{
    Context, Description, Error, InputValueError, InputValueResult, Scalar, ScalarType, Value,
};
use ctutor_engine::payload::Payload;

use crate::graphql::extension::charge;

/// Any JSON value; payloads of workflows and activities. The order of keys is kept.
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
    /// When a literal holds what JSON has no form for.
    pub fn into_json(self) -> Result<serde_json::Value, InputValueError<Self>> {
        self.0.into_json().map_err(InputValueError::custom)
    }
}

impl Json {
    /// A payload as part of an answer.
    ///
    /// # Errors
    /// When the answer has no room for it.
    pub(in crate::graphql) fn answer(ctx: &Context<'_>, payload: &Payload) -> Result<Self, Error> {
        charge(ctx, payload.size_bytes())?;
        Ok(payload.to_value().into())
    }

    /// The same for a payload that may be missing.
    pub(in crate::graphql) fn answer_opt(
        ctx: &Context<'_>,
        payload: Option<&Payload>,
    ) -> Option<Result<Self, Error>> {
        payload.map(|payload| Self::answer(ctx, payload))
    }
}

impl From<serde_json::Value> for Json {
    /// Nested values are moved over one by one: the generic way would go through a serializer for each.
    fn from(value: serde_json::Value) -> Self {
        Self(convert(value))
    }
}

fn convert(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Boolean(value),
        serde_json::Value::Number(number) => Value::Number(number),
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(convert).collect()),
        serde_json::Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| (async_graphql::Name::new(key), convert(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_numbers_survive_the_way_there_and_back() {
        let text = r#"{"b":1.0,"a":[18446744073709551615,-3,null,true],"ä":{"z":"","y":{}}}"#;
        let payload = Payload::parse(text).unwrap();
        let json = Json::from(payload.to_value());
        assert_eq!(
            json.0.to_string(),
            r#"{b: 1.0, a: [18446744073709551615, -3, null, true], ä: {z: "", y: {}}}"#
        );
        assert_eq!(json.into_json().unwrap().to_string(), text);
    }
}
