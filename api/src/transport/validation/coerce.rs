//! Variables brought into the form that their types have, as the specification's `CoerceVariableValues` does.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use async_graphql::{Name, Number, ServerError, Value, Variables};
use ctutor_engine::{near, payload::strict};

use super::super::error::{code, coded_at};
use super::misfit::{self, Found, Holder, Misfit, shown};
use super::numbers;
use super::schema::{Inputs, NamedType, Schema};

/// The largest integer up to which a floating-point number tells integers apart.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

impl Schema {
    /// Checks the variables of an operation. What the operation does not define is left out.
    ///
    /// # Errors
    ///
    /// The first misfit of each variable.
    pub(in crate::transport) fn coerce(
        &self,
        operation: &OperationDefinition,
        mut given: Variables,
    ) -> Result<Variables, Vec<ServerError>> {
        let mut variables = Variables::default();
        let mut errors = Vec::new();
        for definition in &operation.variable_definitions {
            let (pos, definition) = (definition.pos, &definition.node);
            let (name, ty) = (&definition.name.node, &definition.var_type.node);
            match given.remove(name) {
                Some(value) => match self.coerce_value(ty, value) {
                    Ok(value) => {
                        variables.insert(name.clone(), value);
                    }
                    Err(misfit) => errors.push(misfit.tell(Holder::Variable(name), pos)),
                },
                None if ty.nullable || definition.default_value.is_some() => {}
                None => {
                    let message =
                        format!("variable `${name}` of type `{ty}` is required{}", slip(name, &given));
                    errors.push(coded_at(code::GRAPHQL_VALIDATION_FAILED, message, Some(pos)));
                }
            }
        }
        if errors.is_empty() { Ok(variables) } else { Err(errors) }
    }

    fn coerce_value(&self, ty: &Type, value: Value) -> Result<Value, Misfit> {
        match (&ty.base, value) {
            (_, Value::Null) if ty.nullable => Ok(Value::Null),
            (_, Value::Null) => Err(Misfit::new(Value::Null, format!("a value of `{ty}`, not null"))),
            (BaseType::List(item), Value::List(values)) => {
                let coerce =
                    |(index, value)| self.coerce_value(item, value).map_err(|misfit| misfit.below(index));
                values.into_iter().enumerate().map(coerce).collect::<Result<_, _>>().map(Value::List)
            }
            // One item stands for a list of one.
            (BaseType::List(item), value) => Ok(Value::List(vec![self.coerce_value(item, value)?])),
            (BaseType::Named(name), value) => self.coerce_named(name, value),
        }
    }

    fn coerce_named(&self, name: &Name, value: Value) -> Result<Value, Misfit> {
        match self.get(name) {
            Some(NamedType::Scalar { description, check }) => {
                numbers::check_variable(name, &value)?;
                if let Some(Err(expected)) = check.map(|check| check(&value)) {
                    return Err(Misfit::new(shown(&value), expected));
                }
                coerce_scalar(name, value)
                    .map_err(|value| Misfit::new(shown(&value), misfit::scalar(name, description.as_deref())))
            }
            Some(NamedType::Enum(values)) => match value {
                Value::String(name) if values.iter().any(|value| *value == *name) => Ok(Value::String(name)),
                value => {
                    let misfit = Misfit::new(shown(&value), self.hints.values(name, values));
                    Err(match &value {
                        Value::String(given) => misfit.meaning(self.hints.meant(given, values)),
                        _ => misfit,
                    })
                }
            },
            Some(NamedType::InputObject { fields, is_one_of }) => match value {
                Value::Object(values) => self.coerce_object(name, fields, *is_one_of, values),
                value => Err(Misfit::new(shown(&value), format!("an object of `{name}`"))),
            },
            // Validation has refused variables of other types.
            _ => Ok(value),
        }
    }

    fn coerce_object(
        &self,
        ty: &Name,
        fields: &Inputs,
        is_one_of: bool,
        values: IndexMap<Name, Value>,
    ) -> Result<Value, Misfit> {
        if let Some(unknown) = values.keys().find(|name| !fields.contains_key(*name)) {
            let value = values.get(unknown).map_or(Found::Value(Value::Null), shown);
            let found = Found::unknown(unknown, value, fields, self.hints);
            let allowed = self.hints.fields(ty, fields.keys());
            return Err(Misfit::new(found, allowed).below(strict::shown(unknown)));
        }
        if is_one_of && (values.len() != 1 || values.values().any(|value| *value == Value::Null)) {
            let given = values.iter().map(|(name, value)| (name, *value == Value::Null));
            return Err(Misfit::of_one(given, self.hints.one_of(ty, fields.keys())));
        }
        if let Some((name, field)) = misfit::missing(fields, |name| values.contains_key(name)) {
            let misfit = Misfit::new(Found::Missing, format!("a value of `{}`", field.ty));
            return Err(misfit.below(name.as_str()));
        }
        let coerce = |(name, value): (Name, Value)| {
            let Some(field) = fields.get(&name) else { return Ok((name, value)) };
            match self.coerce_value(&field.ty, value) {
                Ok(value) => Ok((name, value)),
                Err(misfit) => Err(misfit.below(name.as_str())),
            }
        };
        let mut values: IndexMap<_, _> = values.into_iter().map(coerce).collect::<Result<_, _>>()?;
        for (name, field) in fields {
            if let Some(default) = &field.default
                && !values.contains_key(name)
            {
                values.insert(name.clone(), default.clone());
            }
        }
        Ok(Value::Object(values))
    }
}

/// The value that may be meant for a variable without one.
fn slip(name: &Name, given: &Variables) -> String {
    let is_it = |given: &&Name| near::meant(given, [name.as_str()]).is_some();
    let slip = given.keys().find(is_it);
    slip.map_or_else(String::new, |slip| {
        format!("; there is a value for `{}`, did you mean `{name}`?", strict::shown(slip))
    })
}

/// The value that a scalar makes of one, or the value that it does not take.
fn coerce_scalar(name: &str, value: Value) -> Result<Value, Value> {
    // A number whose spelling the library does not keep comes as an enum value, see `exact`.
    let value = match (name, value) {
        ("ID", Value::Enum(spelled)) if numbers::is_long_integer(&spelled) => {
            Value::String(spelled.as_str().to_owned())
        }
        ("Int" | "ID" | "Float", Value::Enum(spelled)) => {
            // One that does not fit is told as it was written.
            let number = spelled.parse().ok().map(Value::Number);
            let coerced = number.and_then(|number| coerce_scalar(name, number).ok());
            return coerced.ok_or(Value::Enum(spelled));
        }
        (_, value) => value,
    };
    match (name, value) {
        ("Int", Value::Number(number)) => {
            match integer(&number).and_then(|number| i32::try_from(number).ok()) {
                Some(integer) => Ok(Value::from(integer)),
                None => Err(Value::Number(number)),
            }
        }
        ("ID", Value::Number(number)) => match integer(&number) {
            Some(integer) => Ok(Value::String(integer.to_string())),
            None => Err(Value::Number(number)),
        },
        ("Float", Value::Number(number)) if number.as_f64().is_some_and(f64::is_finite) => {
            Ok(Value::Number(number))
        }
        ("String" | "ID", value @ Value::String(_)) | ("Boolean", value @ Value::Boolean(_)) => Ok(value),
        ("Int" | "ID" | "Float" | "String" | "Boolean", value) => Err(value),
        (_, value) => Ok(value),
    }
}

/// An integer however JSON writes it: `1`, `1.0` and `1e0` are the same number.
fn integer(number: &Number) -> Option<i128> {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    whole.or_else(|| {
        let float = number.as_f64()?;
        // The range is checked, so nothing is cut off.
        (float.fract() == 0.0 && float.abs() <= EXACT_FLOAT_MAX).then_some(float as i128)
    })
}
