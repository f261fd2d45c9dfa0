//! Values that their types do not take, and how they are told.

use std::fmt;

use async_graphql::{Name, Pos, ServerError, Value};
use ctutor_engine::payload::strict;

use super::super::error::{code, coded_at, set_extension};
use super::hints::{Hints, question};
use super::schema::{Input, Inputs};

/// How much of a string is said back.
const FOUND_CHARS_MAX: usize = 100;

/// A value that its type does not take.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The way to it in the argument or variable, innermost first.
    path: Vec<Value>,
    /// Boxed, as errors are moved often.
    found: Box<Found>,
    allowed: String,
    /// The name that may be meant by a string or enum value.
    meant: Option<String>,
}

/// What stands where the type takes something else.
#[derive(Debug)]
pub(super) enum Found {
    Value(Value),
    /// A list or an object, of which only the kind is said.
    Kind(&'static str),
    /// Nothing, where something is required.
    Missing,
    /// The value of a field that the input object does not have, and the field that may be meant.
    Unknown {
        value: Box<Found>,
        meant: Option<String>,
    },
    /// An object that must have exactly one field: the names of those that it has, with the word whether the value is null.
    Fields(Vec<(String, bool)>),
}

impl Found {
    pub(super) const OBJECT: Self = Self::Kind("an object");

    /// A field that an input object does not have, with its value.
    pub(super) fn unknown(name: &Name, value: Self, fields: &Inputs, hints: Hints) -> Self {
        let meant = hints.meant(name, fields.keys()).map(str::to_owned);
        Self::Unknown { value: Box::new(value), meant }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Kind(kind) => Value::from(kind),
            Self::Missing => Value::Null,
            Self::Fields(_) => Value::from("an object"),
            Self::Unknown { value, .. } => value.into_value(),
        }
    }
}

impl From<Value> for Found {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl fmt::Display for Found {
    /// A kind without the quotes of a string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Kind(kind) => f.write_str(kind),
            Self::Missing => f.write_str("missing"),
            Self::Unknown { .. } => f.write_str("an unknown field"),
            Self::Fields(fields) => write_fields(fields, f),
        }
    }
}

/// Says which fields an object has.
fn write_fields(fields: &[(String, bool)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let noun = match fields.len() {
        0 => return f.write_str("none of its fields"),
        1 => "field",
        _ => "fields",
    };
    let shown =
        fields.iter().map(|(name, is_null)| format!("`{name}`{}", if *is_null { " is null" } else { "" }));
    write!(f, "{} {noun} ({})", fields.len(), shown.collect::<Vec<_>>().join(", "))
}

/// What has the value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holder<'a> {
    Argument(&'a Name),
    Variable(&'a Name),
}

impl Misfit {
    pub(super) fn new(found: impl Into<Found>, allowed: impl Into<String>) -> Self {
        Self { path: Vec::new(), found: Box::new(found.into()), allowed: allowed.into(), meant: None }
    }

    /// An object that must have exactly one field that is not null, and has others.
    pub(super) fn of_one<'a>(
        fields: impl IntoIterator<Item = (&'a Name, bool)>,
        allowed: impl Into<String>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, is_null)| (name.to_string(), is_null)).collect();
        Self::new(Found::Fields(fields), allowed)
    }

    /// Says which of the names that stand there may be meant.
    pub(super) fn meaning(self, meant: Option<&str>) -> Self {
        Self { meant: meant.map(str::to_owned), ..self }
    }

    /// Says that the value stands in an object or a list.
    pub(super) fn below(mut self, segment: impl Into<Value>) -> Self {
        self.path.push(segment.into());
        self
    }

    /// The error, with the path to the value from the outside.
    pub(super) fn tell(mut self, holder: Holder<'_>, pos: Pos) -> ServerError {
        self.path.reverse();
        let (kind, name, mut place) = match holder {
            Holder::Argument(name) => ("argument", name, name.to_string()),
            Holder::Variable(name) => ("variable", name, format!("${name}")),
        };
        for segment in &self.path {
            place.push('.');
            match segment {
                Value::String(name) => place.push_str(name),
                other => place.push_str(&other.to_string()),
            }
        }
        let message = match &*self.found {
            Found::Unknown { meant: Some(meant), .. } => {
                format!("`{place}` is {}{}", self.found, question("", Some(meant)))
            }
            found => {
                let verb = if matches!(found, Found::Fields(_)) { "has" } else { "is" };
                let meant = question("", self.meant.as_deref());
                format!("`{place}` {verb} {found}, expected {}{meant}", self.allowed)
            }
        };
        let mut error = coded_at(code::BAD_USER_INPUT, message, Some(pos));
        set_extension(&mut error, kind, name.as_str());
        set_extension(&mut error, "path", Value::List(self.path));
        set_extension(&mut error, "found", self.found.into_value());
        set_extension(&mut error, "allowed", self.allowed);
        error
    }
}

/// A value as it is said back: short.
pub(super) fn shown(value: &Value) -> Found {
    match value {
        Value::String(text) => Found::Value(Value::String(text.chars().take(FOUND_CHARS_MAX).collect())),
        Value::List(_) => Found::Kind("a list"),
        Value::Object(_) => Found::OBJECT,
        // A number as it was written, or the name of a value.
        Value::Enum(name) => Found::Value(Value::Enum(Name::new(strict::shown(name)))),
        other => Found::Value(other.clone()),
    }
}

/// What a custom scalar takes in place of a number that would not be kept.
pub(super) fn number(nearest: Option<&str>) -> String {
    let nearest = nearest.map(|nearest| format!(" (the nearest is `{nearest}`)")).unwrap_or_default();
    format!("a number that fits a 64-bit integer or a double{nearest}, or a string to keep all of it")
}

pub(super) fn int() -> String {
    format!("an integer from {} to {}", i32::MIN, i32::MAX)
}

/// What a scalar takes. Of a custom one the first line of its description says it.
pub(super) fn scalar(name: &str, description: Option<&str>) -> String {
    match (name, description.and_then(|text| text.lines().next())) {
        ("Int", _) => int(),
        ("Float", _) => "a number".to_owned(),
        ("String", _) => "a string".to_owned(),
        ("Boolean", _) => "a boolean".to_owned(),
        ("ID", _) => "a string or an integer".to_owned(),
        (_, Some(description)) => format!("a value of `{name}`: {description}"),
        _ => format!("a value of `{name}`"),
    }
}

/// The first field that must be given and is not.
pub(super) fn missing(fields: &Inputs, is_given: impl Fn(&Name) -> bool) -> Option<(&Name, &Input)> {
    fields.iter().find(|(name, field)| field.is_required() && !is_given(name))
}
