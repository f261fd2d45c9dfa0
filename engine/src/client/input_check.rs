//! Inputs checked against the schema of their workflow type, and what is told of one that does not fit.
//!
//! The library that checks has words of its own for a violation, which repeat the value or whole alternatives. Here each is
//! told as what was expected and what was found, without the strings of the input, which may be misplaced secrets.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use super::input_words::{self as words, Expected};
use crate::{near, payload::strict};

/// A value of an input that its schema does not take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The way to the value, from the outside.
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

pub(super) struct Check {
    schema: Value,
    validator: Validator,
}

impl Check {
    /// Nothing if the schema is not valid.
    pub(super) fn new(mut schema: Value) -> Option<Self> {
        open_optional(&mut schema);
        let validator = jsonschema::validator_for(&schema).ok()?;
        Some(Self { schema, validator })
    }

    /// The first violation only: a large input may have as many as it has values.
    pub(super) fn violation(&self, input: &Value) -> Option<Violation> {
        self.validator.validate(input).err().map(|error| self.told(&error))
    }

    /// What is wrong. A schema may have its own message as `x-message`; and a pattern is hard to read, so the description
    /// replaces it.
    fn told(&self, error: &ValidationError<'_>) -> Violation {
        if let Some(message) = self.own_message(error) {
            return Violation { path: path(error), message };
        }
        match error.kind() {
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                self.alternatives(error, context)
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => self.unknown(error, unexpected),
            _ => Violation { path: path(error), message: self.message(error) },
        }
    }

    fn own_message(&self, error: &ValidationError<'_>) -> Option<String> {
        let mut above = self.above(error);
        above.find_map(|schema| schema.get("x-message")?.as_str()).map(str::to_owned)
    }

    /// The schemas around the keyword that is violated, innermost first.
    fn above(&self, error: &ValidationError<'_>) -> impl Iterator<Item = &Value> {
        let place = error.schema_path().to_string();
        let ends: Vec<usize> = place.match_indices('/').map(|(end, _)| end).collect();
        ends.into_iter().rev().filter_map(move |end| self.schema.pointer(&place[..end]))
    }

    fn around(&self, error: &ValidationError<'_>) -> &Value {
        self.above(error).next().unwrap_or(&Value::Null)
    }

    /// The violation of the one alternative that may be meant, or what the alternatives are.
    fn alternatives(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
    ) -> Violation {
        let is_other = |violations: &&Vec<ValidationError<'static>>| {
            violations.iter().any(|violation| {
                let is_kind = matches!(
                    violation.kind(),
                    ValidationErrorKind::Type { .. }
                        | ValidationErrorKind::Constant { .. }
                        | ValidationErrorKind::Enum { .. }
                );
                is_kind && violation.instance_path() == error.instance_path()
            })
        };
        let mut possible = context.iter().filter(|violations| !is_other(violations));
        if let (Some(only), None) = (possible.next(), possible.next())
            && let Some(violation) = only.first()
        {
            return self.told(violation);
        }
        let around = self.around(error);
        let branches = around.get(error.kind().keyword()).and_then(Value::as_array);
        let expected = Expected::one_of(&self.schema, branches.map_or(&[][..], Vec::as_slice));
        Violation { path: path(error), message: expected.but_found(error.instance()) }
    }

    /// A field that the object does not have.
    fn unknown(&self, error: &ValidationError<'_>, unexpected: &[String]) -> Violation {
        let mut path = path(error);
        let known = self.around(error).get("properties").and_then(Value::as_object);
        let known: Vec<&str> =
            known.into_iter().flat_map(|fields| fields.keys()).map(String::as_str).collect();
        let name = unexpected.first().map_or("", String::as_str);
        path.push(strict::shown(name));
        let message = match (near::meant(name, known.iter().copied()), known.is_empty()) {
            (Some(meant), _) => format!("unknown field; did you mean `{meant}`?"),
            (None, true) => "unknown field, expected none of this name".to_owned(),
            (None, false) => format!("unknown field, expected only {}", words::list(known, "or")),
        };
        Violation { path, message }
    }

    fn message(&self, error: &ValidationError<'_>) -> String {
        let around = self.around(error);
        if let ValidationErrorKind::Pattern { .. } = error.kind()
            && let Some(description) = around.get("description").and_then(Value::as_str)
        {
            return format!("value does not match its description: {}", words::one_line(description));
        }
        if let ValidationErrorKind::Required { property } = error.kind() {
            let name = property.as_str().unwrap_or_default();
            let field = around.get("properties").and_then(|fields| fields.get(name));
            let expected = Expected::of(&self.schema, field.unwrap_or(&Value::Bool(true)));
            return format!("`{}` is missing, expected {expected}", strict::shown(name));
        }
        if let ValidationErrorKind::PropertyNames { error } = error.kind() {
            return format!("a key is not allowed: {}", self.message(error));
        }
        words::of_keyword(error.kind(), error.instance())
    }
}

fn path(error: &ValidationError<'_>) -> Vec<String> {
    let pointer = error.instance_path().to_string();
    let parts = pointer.split('/').skip(1);
    parts.map(|part| strict::shown(&part.replace("~1", "/").replace("~0", "~"))).collect()
}

/// Rewrites an optional schema from "any of" to "unless it is null", because a violation of "any of" has no path.
fn open_optional(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(open_optional),
        Value::Object(fields) => {
            fields.values_mut().for_each(open_optional);
            let null = serde_json::json!({ "type": "null" });
            let optional =
                fields.get("anyOf").and_then(Value::as_array).and_then(|branches| match &branches[..] {
                    [one, other] if *other == null => Some(one.clone()),
                    [one, other] if *one == null => Some(other.clone()),
                    _ => None,
                });
            if let Some(some) = optional {
                fields.remove("anyOf");
                fields.insert("if".to_owned(), null);
                fields.insert("else".to_owned(), some);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: Value, input: &Value) -> Option<(String, String)> {
        let violation = Check::new(schema).unwrap().violation(input)?;
        Some((violation.path.join("."), violation.message))
    }

    fn message(schema: Value, input: &Value) -> String {
        refused(schema, input).unwrap().1
    }

    #[test]
    fn a_violation_within_something_optional_is_told_where_it_is() {
        let plan = json!({ "type": "object", "properties": { "files": { "items": { "type": "string" } } } });
        let schema = json!({
            "properties": { "plan": { "anyOf": [{ "$ref": "#/$defs/Plan" }, { "type": "null" }] } },
            "$defs": { "Plan": plan },
        });
        let (path, message) = refused(schema.clone(), &json!({ "plan": { "files": ["a", 1] } })).unwrap();
        assert_eq!((path.as_str(), message.as_str()), ("plan.files.1", "expected a string, found `1`"));
        assert_eq!(refused(schema.clone(), &json!({ "plan": null })), None);
        assert_eq!(refused(schema, &json!({ "plan": { "files": ["a"] } })), None);
    }

    #[test]
    fn a_long_key_is_shortened_in_the_path_of_a_violation() {
        let schema = json!({ "additionalProperties": { "type": "integer" } });
        let (path, _) = refused(schema, &json!({ "k".repeat(200_000): "x" })).unwrap();
        assert_eq!(path, format!("{}…", "k".repeat(60)));
    }

    #[test]
    fn a_pattern_is_told_in_the_words_of_the_schema() {
        let url = json!({ "pattern": "^https:", "description": "A URL\nwithout a password." });
        let schema = json!({ "properties": { "url": { "$ref": "#/$defs/Url" } }, "$defs": { "Url": url } });
        let (path, message) = refused(schema, &json!({ "url": "s3cret" })).unwrap();
        assert_eq!(path, "url");
        assert_eq!(message, "value does not match its description: A URL without a password.");
        let (_, message) = refused(json!({ "pattern": "^a" }), &json!("s3cret")).unwrap();
        assert_eq!(message, "expected a string that matches `^a`, found another one");
    }

    #[test]
    fn a_schema_may_have_words_of_its_own() {
        let bare = json!({ "not": { "pattern": "@" }, "x-message": "it carries a credential" });
        let url = json!({ "allOf": [{ "pattern": "^https:" }, bare], "description": "A URL." });
        let schema = json!({ "properties": { "url": { "$ref": "#/$defs/Url" } }, "$defs": { "Url": url } });
        let (_, message) = refused(schema, &json!({ "url": "https://s3cret@host/" })).unwrap();
        assert_eq!(message, "it carries a credential");
    }

    #[test]
    fn each_keyword_is_told_with_what_was_expected_and_found() {
        for (schema, input, said) in [
            (json!({ "type": "integer" }), json!("s3cret"), "expected an integer, found a string"),
            (json!({ "type": ["integer", "null"] }), json!(1.5), "expected an integer or null, found `1.5`"),
            (json!({ "type": "object" }), json!([]), "expected an object, found an array"),
            (json!({ "minimum": 1 }), json!(0), "expected at least 1, found `0`"),
            (json!({ "maximum": 255 }), json!(300), "expected at most 255, found `300`"),
            (json!({ "exclusiveMinimum": 0 }), json!(0), "expected more than 0, found `0`"),
            (json!({ "exclusiveMaximum": 1 }), json!(1), "expected less than 1, found `1`"),
            (json!({ "multipleOf": 5 }), json!(7), "expected a multiple of 5, found `7`"),
            (json!({ "minLength": 2 }), json!("ä"), "expected at least 2 characters, found 1"),
            (json!({ "maxLength": 1 }), json!("s3cret"), "expected at most 1 character, found 6"),
            (json!({ "minItems": 1 }), json!([]), "expected at least 1 item, found 0"),
            (json!({ "maxItems": 1 }), json!([1, 2]), "expected at most 1 item, found 2"),
            (json!({ "minProperties": 1 }), json!({}), "expected at least 1 field, found 0"),
            (json!({ "maxProperties": 0 }), json!({ "a": 1 }), "expected at most 0 fields, found 1"),
            (json!({ "uniqueItems": true }), json!([1, 1]), "expected no two equal items"),
            (
                json!({ "prefixItems": [true], "items": false }),
                json!([1, 2]),
                "expected no value here, found `2`",
            ),
            (json!({ "const": "a" }), json!("s3cret"), "expected `a`, found another string"),
            (json!({ "enum": ["sum", "count", 1] }), json!(2), "expected `sum`, `count` or `1`, found `2`"),
            (
                json!({ "enum": ["sum", "count", "max"] }),
                json!("cuont"),
                "expected `sum`, `count` or `max`, found another string; did you mean `count`?",
            ),
            (
                json!({ "not": { "const": 1 } }),
                json!(1),
                "expected a value that the schema does not exclude, found `1`",
            ),
            (
                json!({ "properties": { "a": false } }),
                json!({ "a": "s3cret" }),
                "expected no value here, found a string",
            ),
            (
                json!({ "propertyNames": { "maxLength": 1 } }),
                json!({ "abc": 1 }),
                "a key is not allowed: expected at most 1 character, found 3",
            ),
            (
                json!({ "contains": { "type": "string" } }),
                json!([1]),
                "no item is as the schema wants at least one to be",
            ),
            (
                json!({ "required": ["b"], "properties": { "b": { "type": "boolean" } } }),
                json!({ "a": 1 }),
                "`b` is missing, expected a boolean",
            ),
            (json!({ "required": ["b"] }), json!({}), "`b` is missing, expected a value"),
        ] {
            assert_eq!(message(schema.clone(), &input), said, "{schema} {input}");
        }
    }

    #[test]
    fn an_unknown_field_is_told_with_the_one_that_may_be_meant() {
        let schema = json!({
            "properties": { "inner": {
                "properties": { "duration": {}, "message": {} },
                "additionalProperties": false,
            } },
        });
        let (path, message) =
            refused(schema.clone(), &json!({ "inner": { "message": "a", "duratoin": "s3cret" } })).unwrap();
        assert_eq!(path, "inner.duratoin");
        assert_eq!(message, "unknown field; did you mean `duration`?");
        let (_, message) = refused(schema, &json!({ "inner": { "x": 1 } })).unwrap();
        assert_eq!(message, "unknown field, expected only `duration` or `message`");
        let long = json!({ "additionalProperties": false });
        let (path, message) = refused(long, &json!({ "k".repeat(200_000): "x" })).unwrap();
        assert!(path.len() < 200 && message.len() < 100, "{path} {message}");
    }

    #[test]
    fn of_alternatives_the_one_that_may_be_meant_is_told() {
        let form = |name: &str| {
            json!({
                "type": "object",
                "properties": { name: { "type": "string" } },
                "required": [name],
                "additionalProperties": false,
            })
        };
        let expected = json!({ "oneOf": [form("exact"), form("contains"), { "type": "string" }] });
        assert_eq!(
            message(expected.clone(), &json!({ "exat": "s3cret" })),
            "expected an object with `exact`, an object with `contains` or a string, found an object with `exat`"
        );
        assert_eq!(
            message(expected.clone(), &json!(5)),
            "expected an object with `exact`, an object with `contains` or a string, found `5`"
        );
        let one = json!({ "anyOf": [form("exact"), { "type": "string" }, { "type": "boolean" }] });
        let told = refused(one, &json!({ "exact": 5 })).unwrap();
        assert_eq!(told, ("exact".to_owned(), "expected a string, found `5`".to_owned()));
        let words =
            json!({ "oneOf": [{ "const": "pytest" }, { "const": "command" }, { "enum": ["junit"] }] });
        assert_eq!(
            message(words, &json!("pytset")),
            "expected `pytest`, `command` or `junit`, found another string; did you mean `pytest`?"
        );
        let many =
            json!({ "enum": (0..1_000).map(|n| "x".repeat(100) + &n.to_string()).collect::<Vec<_>>() });
        assert!(message(many, &json!("s3cret".repeat(1_000))).len() < 2_000);
    }
}
