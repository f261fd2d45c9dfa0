//! The words for what a schema expects and what an input has.

use std::fmt;

use jsonschema::{
    JsonType,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use crate::{
    near,
    payload::{strict, syntax},
};

/// How many alternatives, values or fields are told.
const TOLD_MAX: usize = 12;
/// How many references lead to the description of a schema.
const REFERENCES_MAX: usize = 8;

/// What a schema expects, without its details.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// One of these values.
    Values(Vec<Value>),
    /// Kinds of values, with their articles.
    Kinds(Vec<String>),
}

impl Expected {
    /// What a schema of a root expects.
    pub(super) fn of(root: &Value, schema: &Value) -> Self {
        Self::within(root, schema, REFERENCES_MAX)
    }

    /// What schemas expect of which a value must fit one.
    pub(super) fn one_of(root: &Value, branches: &[Value]) -> Self {
        Self::united(branches.iter().map(|branch| Self::within(root, branch, REFERENCES_MAX)).collect())
    }

    fn within(root: &Value, schema: &Value, references: usize) -> Self {
        let Value::Object(fields) = schema else { return Self::value() };
        if let Some(value) = fields.get("const") {
            return Self::Values(vec![value.clone()]);
        }
        if let Some(values) = fields.get("enum").and_then(Value::as_array) {
            return Self::Values(values.clone());
        }
        let branches = ["oneOf", "anyOf"].iter().find_map(|keyword| fields.get(*keyword)?.as_array());
        let reference = fields.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix('#'));
        let optional = fields.get("else").filter(|_| fields.contains_key("if"));
        if references > 0 {
            let within = |schema| Self::within(root, schema, references - 1);
            if let Some(schema) = reference.and_then(|place| root.pointer(place)).or(optional) {
                return within(schema);
            }
            if let Some(branches) = branches {
                return Self::united(branches.iter().map(within).collect());
            }
        }
        let named = match fields.get("type") {
            Some(Value::String(kind)) => vec![kind.as_str()],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if fields.contains_key("properties") => vec!["object"],
            _ => return Self::value(),
        };
        let required = fields.get("required").and_then(Value::as_array).filter(|names| !names.is_empty());
        let kind = |kind: &str| match required {
            Some(names) if kind == "object" => {
                format!("an object with {}", list(names.iter().filter_map(Value::as_str), "and"))
            }
            _ => with_article(kind),
        };
        Self::Kinds(named.into_iter().map(kind).collect())
    }

    fn value() -> Self {
        Self::Kinds(vec!["a value".to_owned()])
    }

    fn united(all: Vec<Self>) -> Self {
        let mut values = Vec::new();
        let mut kinds = Vec::new();
        for expected in all {
            match expected {
                Self::Values(more) => values.extend(more),
                Self::Kinds(more) => kinds.extend(more),
            }
        }
        if kinds.is_empty() {
            return Self::Values(values);
        }
        kinds.extend(values.iter().map(quoted));
        let mut seen = std::collections::HashSet::new();
        kinds.retain(|kind| seen.insert(kind.clone()));
        Self::Kinds(kinds)
    }

    /// The message for a value that is not it.
    pub(super) fn but_found(&self, value: &Value) -> String {
        match (self, value) {
            (Self::Values(values), Value::String(text)) => {
                let known = values.iter().filter_map(Value::as_str);
                let meant = near::meant(text, known);
                let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
                let found = if values.iter().any(Value::is_string) { "another string" } else { "a string" };
                format!("expected {self}, found {found}{meant}")
            }
            (Self::Kinds(_), Value::Object(fields)) if !fields.is_empty() => {
                let names = list(fields.keys().map(String::as_str), "and");
                format!("expected {self}, found an object with {names}")
            }
            _ => format!("expected {self}, found {}", found(value)),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) => f.write_str(&joined(values.iter().map(quoted), "or")),
            Self::Kinds(kinds) => f.write_str(&joined(kinds.iter().cloned(), "or")),
        }
    }
}

/// What is told of a violation of a keyword that concerns one value alone.
pub(super) fn of_keyword(kind: &ValidationErrorKind, value: &Value) -> String {
    use ValidationErrorKind as Kind;

    let instead = |expected: String| format!("expected {expected}, found {}", found(value));
    let counted = |bound: &str, limit: u64, (one, many): (&str, &str)| {
        let noun = if limit == 1 { one } else { many };
        format!("expected {bound} {limit} {noun}, found {}", size(value))
    };
    let characters = ("character", "characters");
    let (items, fields) = (("item", "items"), ("field", "fields"));
    match kind {
        Kind::Type { kind } => instead(types(kind)),
        Kind::Constant { expected_value } => {
            Expected::Values(vec![Value::clone(expected_value)]).but_found(value)
        }
        Kind::Enum { options } => {
            let values = options.as_array().cloned().unwrap_or_default();
            Expected::Values(values).but_found(value)
        }
        Kind::Minimum { limit } => instead(format!("at least {limit}")),
        Kind::Maximum { limit } => instead(format!("at most {limit}")),
        Kind::ExclusiveMinimum { limit } => instead(format!("more than {limit}")),
        Kind::ExclusiveMaximum { limit } => instead(format!("less than {limit}")),
        Kind::MultipleOf { multiple_of } => instead(format!("a multiple of {multiple_of}")),
        Kind::MinLength { limit } => counted("at least", *limit, characters),
        Kind::MaxLength { limit } => counted("at most", *limit, characters),
        Kind::MinItems { limit } => counted("at least", *limit, items),
        Kind::MaxItems { limit } => counted("at most", *limit, items),
        Kind::AdditionalItems { limit } => counted("at most", *limit as u64, items),
        Kind::MinProperties { limit } => counted("at least", *limit, fields),
        Kind::MaxProperties { limit } => counted("at most", *limit, fields),
        Kind::UniqueItems => "expected no two equal items".to_owned(),
        Kind::Contains => "no item is as the schema wants at least one to be".to_owned(),
        Kind::UnevaluatedItems { .. } => "there are more items than the schema describes".to_owned(),
        Kind::Pattern { pattern } => {
            format!("expected a string that matches `{}`, found another one", strict::shown(pattern))
        }
        Kind::Format { format } => format!("expected a string of the format `{format}`, found another one"),
        Kind::FalseSchema => format!("expected no value here, found {}", found(value)),
        Kind::Not { .. } => instead("a value that the schema does not exclude".to_owned()),
        Kind::OneOfMultipleValid { .. } => {
            "expected a value of exactly one of the forms of the schema, found one of several".to_owned()
        }
        other => instead(format!("a value that fits the keyword `{}` of the schema", other.keyword())),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => with_article(kind.as_str()),
        TypeKind::Multiple(kinds) => {
            let all = [
                JsonType::Integer,
                JsonType::Number,
                JsonType::String,
                JsonType::Boolean,
                JsonType::Array,
                JsonType::Object,
                JsonType::Null,
            ];
            let named = all.into_iter().filter(|kind| kinds.contains(*kind));
            joined(named.map(|kind| with_article(kind.as_str())), "or")
        }
    }
}

fn with_article(kind: &str) -> String {
    match kind {
        "null" => "null".to_owned(),
        "integer" | "array" | "object" => format!("an {kind}"),
        kind => format!("a {}", strict::shown(kind)),
    }
}

/// A value of an input: its kind, or itself if it is a number or a boolean.
fn found(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) => quoted(value),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => syntax::kind("null").to_owned(),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// A value of a schema.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", strict::shown(text)),
        other => format!("`{}`", strict::shown(&other.to_string())),
    }
}

/// Names in backticks.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>, conjunction: &str) -> String {
    joined(names.into_iter().map(|name| format!("`{}`", strict::shown(name))), conjunction)
}

/// `a, b or c`; the first of very many.
fn joined(parts: impl Iterator<Item = String>, conjunction: &str) -> String {
    let mut parts: Vec<String> = parts.take(TOLD_MAX + 1).collect();
    if parts.len() > TOLD_MAX {
        parts.truncate(TOLD_MAX);
        parts.push("others".to_owned());
    }
    match parts.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// A description without its line ends.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
