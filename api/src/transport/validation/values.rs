//! Literals of the types that their positions have, and the variables among them.

use std::{collections::HashSet, convert::Infallible};

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type};
use async_graphql::{Name, Pos, Value as Constant};
use async_graphql_value::Value;
use ctutor_engine::payload::strict;

use super::misfit::{self, Found, Misfit, shown};
use super::numbers;
use super::schema::{Input, Inputs, NamedType, Schema};

/// A variable at a position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage<'a> {
    pub(super) variable: &'a Name,
    pub(super) pos: Pos,
    /// Nothing where the schema does not say what stands there, as within a custom scalar.
    pub(super) place: Option<Place<'a>>,
}

/// The kind of a position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) ty: &'a Type,
    /// Whether null may stand there.
    pub(super) takes_null: bool,
    pub(super) has_default: bool,
    /// Whether it is the field of an object that takes exactly one, so that it must not be null.
    pub(super) is_one_of: bool,
}

impl<'a> Place<'a> {
    /// A position that only its type says something of.
    fn of(ty: &'a Type) -> Self {
        Self { ty, takes_null: ty.nullable, has_default: false, is_one_of: false }
    }
}

/// What tells the kinds of positions apart.
type PlaceKey = (*const Type, bool, bool, bool);

/// The variables of a definition. A variable that stands a thousand times in the same list counts once.
#[derive(Debug, Default)]
pub(super) struct Usages<'a> {
    list: Vec<Usage<'a>>,
    seen: HashSet<(&'a Name, Option<PlaceKey>)>,
}

impl<'a> Usages<'a> {
    pub(super) fn into_list(self) -> Vec<Usage<'a>> {
        self.list
    }

    /// Checks the value of an argument, which is unknown if there is no input. Notes the variables in any case.
    ///
    /// # Errors
    ///
    /// The first literal that its type does not take.
    pub(super) fn check(
        &mut self,
        schema: &'a Schema,
        input: Option<&'a Input>,
        value: &'a Value,
        pos: Pos,
    ) -> Result<(), Misfit> {
        let mut check = Check { schema, note: |variable, place| self.note(variable, place, pos) };
        match input {
            Some(Input { ty, default }) => {
                let place = Place { has_default: default.is_some(), ..Place::of(ty) };
                let result = check.value(place, value);
                if result.is_err() {
                    // The walk has stopped at the misfit; the variables behind it are used all the same.
                    check.anything(value);
                }
                result
            }
            None => {
                check.anything(value);
                Ok(())
            }
        }
    }

    fn note(&mut self, variable: &'a Name, place: Option<Place<'a>>, pos: Pos) {
        let kind = place.map(|place| {
            (std::ptr::from_ref(place.ty), place.takes_null, place.has_default, place.is_one_of)
        });
        if self.seen.insert((variable, kind)) {
            self.list.push(Usage { variable, pos, place });
        }
    }
}

/// Checks a value that has no variables.
///
/// # Errors
///
/// The first literal that its type does not take.
pub(super) fn check_constant(schema: &Schema, ty: &Type, value: &Constant) -> Result<(), Misfit> {
    let value = value.clone().into_value();
    let mut check = Check { schema, note: |_, _| {} };
    check.value(Place::of(ty), &value)
}

struct Check<'s, F> {
    schema: &'s Schema,
    note: F,
}

impl<'s, F> Check<'s, F> {
    fn value<'v>(&mut self, place: Place<'s>, value: &'v Value) -> Result<(), Misfit>
    where
        F: FnMut(&'v Name, Option<Place<'s>>),
    {
        let ty = place.ty;
        match (&ty.base, value) {
            (_, Value::Variable(name)) => {
                (self.note)(name, Some(place));
                Ok(())
            }
            (_, Value::Null) if ty.nullable => Ok(()),
            (_, Value::Null) => Err(Misfit::new(Constant::Null, format!("a value of `{ty}`, not null"))),
            (BaseType::List(item), Value::List(values)) => {
                let item = Place::of(item);
                values.iter().enumerate().try_for_each(|(index, value)| {
                    self.value(item, value).map_err(|misfit| misfit.below(index))
                })
            }
            // One item stands for a list of one.
            (BaseType::List(item), _) => self.value(Place::of(item), value),
            (BaseType::Named(name), _) => self.named(place, name, value),
        }
    }

    fn named<'v>(&mut self, place: Place<'s>, name: &Name, value: &'v Value) -> Result<(), Misfit>
    where
        F: FnMut(&'v Name, Option<Place<'s>>),
    {
        let refuse = |allowed: String| Err(Misfit::new(shown(&without_variables(value)), allowed));
        let schema = self.schema;
        match schema.get(name) {
            Some(NamedType::Scalar { description, check }) => {
                numbers::check_literal(name, value)?;
                match takes(name, value) {
                    Some(true) => return Ok(()),
                    Some(false) => return refuse(misfit::scalar(name, description.as_deref())),
                    None => self.within_scalar(place, value),
                }
                // The variables in it are not known yet.
                let Ok(constant) = value.clone().into_const_with(|_| Ok::<_, Infallible>(Constant::Null));
                check.map_or(Ok(()), |check| check(&constant)).or_else(refuse)
            }
            Some(NamedType::Enum(values)) => match value {
                Value::Enum(value) if values.contains(value) => Ok(()),
                Value::Enum(value) => refuse(schema.hints.values(name, values))
                    .map_err(|misfit| misfit.meaning(schema.hints.meant(value, values))),
                Value::String(value) => {
                    refuse(format!("{}, without quotes", schema.hints.values(name, values)))
                        .map_err(|misfit| misfit.meaning(schema.hints.meant(value, values)))
                }
                _ => refuse(schema.hints.values(name, values)),
            },
            Some(NamedType::InputObject { fields, is_one_of }) => match value {
                Value::Object(values) => self.object(name, fields, *is_one_of, values),
                _ => refuse(format!("an object of `{name}`")),
            },
            // The schema has no inputs of other types.
            _ => Ok(()),
        }
    }

    fn object<'v>(
        &mut self,
        ty: &Name,
        fields: &'s Inputs,
        is_one_of: bool,
        values: &'v IndexMap<Name, Value>,
    ) -> Result<(), Misfit>
    where
        F: FnMut(&'v Name, Option<Place<'s>>),
    {
        let hints = self.schema.hints;
        for (name, value) in values {
            let Some(field) = fields.get(name) else {
                let found = Found::unknown(name, shown(&without_variables(value)), fields, hints);
                return Err(Misfit::new(found, hints.fields(ty, fields.keys())).below(strict::shown(name)));
            };
            let takes_null = field.ty.nullable && !is_one_of;
            let has_default = field.default.is_some();
            let place = Place { ty: &field.ty, takes_null, has_default, is_one_of };
            self.value(place, value).map_err(|misfit| misfit.below(name.as_str()))?;
        }
        if is_one_of && (values.len() != 1 || values.values().any(|value| *value == Value::Null)) {
            let given = values.iter().map(|(name, value)| (name, *value == Value::Null));
            return Err(Misfit::of_one(given, hints.one_of(ty, fields.keys())));
        }
        match misfit::missing(fields, |name| values.contains_key(name)) {
            Some((name, field)) => {
                let allowed = format!("a value of `{}`", field.ty);
                Err(Misfit::new(Found::Missing, allowed).below(name.as_str()))
            }
            None => Ok(()),
        }
    }

    /// Notes the variables of a value in a custom scalar. What stands in a list there is taken for values of the same
    /// scalar, as graphql-js does; of the fields of an object nothing is known.
    fn within_scalar<'v>(&mut self, place: Place<'s>, value: &'v Value)
    where
        F: FnMut(&'v Name, Option<Place<'s>>),
    {
        let item = Place { takes_null: true, ..Place::of(place.ty) };
        match value {
            Value::Variable(name) => (self.note)(name, Some(item)),
            Value::List(items) => items.iter().for_each(|value| self.within_scalar(place, value)),
            other => self.anything(other),
        }
    }

    /// Notes the variables of a value of which nothing is known.
    fn anything<'v>(&mut self, value: &'v Value)
    where
        F: FnMut(&'v Name, Option<Place<'s>>),
    {
        match value {
            Value::Variable(name) => (self.note)(name, None),
            Value::List(items) => items.iter().for_each(|item| self.anything(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.anything(field)),
            _ => {}
        }
    }
}

/// Whether a scalar that every schema has takes a literal; nothing for custom ones.
fn takes(scalar: &str, value: &Value) -> Option<bool> {
    Some(match (scalar, value) {
        ("Int", Value::Number(number)) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        ("ID", Value::Number(number)) => number.is_i64() || number.is_u64(),
        ("Int" | "ID" | "Float", Value::Enum(name)) => numbers::literal(scalar, name).is_some(),
        ("Float", Value::Number(_))
        | ("ID" | "String", Value::String(_))
        | ("Boolean", Value::Boolean(_)) => true,
        ("Int" | "ID" | "Float" | "String" | "Boolean", _) => false,
        _ => return None,
    })
}

/// A value to be said back. Of what holds variables only the kind is said.
fn without_variables(value: &Value) -> Constant {
    match value {
        Value::List(_) => Constant::List(Vec::new()),
        Value::Object(_) => Constant::Object(IndexMap::new()),
        other => other.clone().into_const().unwrap_or_default(),
    }
}
