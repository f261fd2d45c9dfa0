//! Numbers whose spelling the library's values do not keep: what they stand for, which their positions say.
//!
//! The parser and the reader of variables pass them on as enum values, see `exact`. Where an integer, an ID or a double is
//! expected, a number has that value. In a custom scalar it stays as it was written, so there it must have a value that
//! readers of JSON keep.

use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, OperationDefinition, Selection,
    SelectionSet, Type,
};
use async_graphql::{Name, Number, Positioned, Value as Constant};
use async_graphql_value::Value;
use ctutor_engine::payload::strict;

use super::misfit::{Misfit, number as kept_number};
use super::schema::{Inputs, NamedType, Schema, innermost};
use crate::exact::spelled;

const BUILT_IN: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// What a literal of such a spelling stands for where one of these scalars is expected; nothing if it does not fit.
pub(super) fn literal(scalar: &str, name: &str) -> Option<Value> {
    let text = spelled(name)?;
    match scalar {
        "Int" => text.parse::<i32>().ok().map(|number| Value::Number(number.into())),
        "ID" => is_integer(text).then(|| Value::String(text.to_owned())),
        "Float" => Number::from_f64(text.parse().ok()?).map(Value::Number),
        _ => None,
    }
}

/// Whether it is an integer that no 64-bit integer holds. As an ID it is kept digit by digit.
pub(super) fn is_long_integer(text: &str) -> bool {
    is_integer(text) && text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
}

fn is_integer(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks the numbers of a literal in a custom scalar.
///
/// # Errors
/// The first that would not be kept, with the way to it.
pub(super) fn check_literal(scalar: &str, value: &Value) -> Result<(), Misfit> {
    if BUILT_IN.contains(&scalar) { Ok(()) } else { check_within(value) }
}

fn check_within(value: &Value) -> Result<(), Misfit> {
    match value {
        Value::Enum(name) => check_number(name),
        Value::List(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| check_within(item).map_err(|misfit| misfit.below(index)))
        }
        Value::Object(fields) => {
            let below = |misfit: Misfit, name: &Name| misfit.below(name.as_str());
            let mut fields = fields.iter();
            fields.try_for_each(|(name, field)| check_within(field).map_err(|misfit| below(misfit, name)))
        }
        _ => Ok(()),
    }
}

/// The same for the value of a variable.
///
/// # Errors
/// The first that would not be kept, with the way to it.
pub(super) fn check_variable(scalar: &str, value: &Constant) -> Result<(), Misfit> {
    if BUILT_IN.contains(&scalar) { Ok(()) } else { check_constant_within(value) }
}

fn check_constant_within(value: &Constant) -> Result<(), Misfit> {
    match value {
        Constant::Enum(name) => check_number(name),
        Constant::List(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| {
                check_constant_within(item).map_err(|misfit| misfit.below(index))
            })
        }
        Constant::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            check_constant_within(field).map_err(|misfit| misfit.below(strict::shown(name)))
        }),
        _ => Ok(()),
    }
}

fn check_number(name: &str) -> Result<(), Misfit> {
    let Some(text) = spelled(name) else { return Ok(()) };
    strict::check_number(text).map_err(|fault| {
        let nearest = match &fault {
            strict::FaultKind::Number { nearest, .. } => nearest.as_deref(),
            _ => None,
        };
        Misfit::new(Constant::Enum(Name::new(strict::shown(text))), kept_number(nearest))
    })
}

impl Schema {
    /// Gives the numbers of a valid document the values that their positions say, as the executor knows no spelling.
    pub(in crate::transport) fn settle_numbers(&self, document: &mut ExecutableDocument) {
        for fragment in document.fragments.values_mut() {
            self.directives(&mut fragment.node.directives);
            let on = fragment.node.type_condition.node.on.node.clone();
            self.selections(&mut fragment.node.selection_set.node, Some(&on));
        }
        for operation in operations_mut(document) {
            for Positioned { node: variable, .. } in &mut operation.variable_definitions {
                self.directives(&mut variable.directives);
                let Some(default) = &mut variable.default_value else { continue };
                let mut value = std::mem::take(&mut default.node).into_value();
                self.value(&variable.var_type.node, &mut value);
                default.node = value.into_const().expect("a constant has no variables");
            }
            self.directives(&mut operation.directives);
            let root = self.root(operation.ty).cloned();
            self.selections(&mut operation.selection_set.node, root.as_ref());
        }
    }

    fn selections(&self, set: &mut SelectionSet, parent: Option<&Name>) {
        for selection in &mut set.items {
            match &mut selection.node {
                Selection::Field(Positioned { node: field, .. }) => {
                    let known = parent.and_then(|parent| self.field(parent, &field.name.node));
                    self.directives(&mut field.directives);
                    if let Some(known) = known {
                        self.arguments(&mut field.arguments, &known.arguments);
                    }
                    let within = known.map(|known| innermost(&known.ty));
                    self.selections(&mut field.selection_set.node, within);
                }
                Selection::InlineFragment(Positioned { node: fragment, .. }) => {
                    self.directives(&mut fragment.directives);
                    let on = fragment.type_condition.as_ref().map(|condition| &condition.node.on.node);
                    self.selections(&mut fragment.selection_set.node, on.or(parent));
                }
                Selection::FragmentSpread(spread) => self.directives(&mut spread.node.directives),
            }
        }
    }

    fn directives(&self, directives: &mut [Positioned<Directive>]) {
        for Positioned { node: directive, .. } in directives {
            if let Some(known) = self.directive(&directive.name.node) {
                self.arguments(&mut directive.arguments, &known.arguments);
            }
        }
    }

    fn arguments(&self, given: &mut [(Positioned<Name>, Positioned<Value>)], known: &Inputs) {
        for (name, value) in given {
            if let Some(input) = known.get(&name.node) {
                self.value(&input.ty, &mut value.node);
            }
        }
    }

    fn value(&self, ty: &Type, value: &mut Value) {
        match (&ty.base, value) {
            (BaseType::List(item), Value::List(items)) => {
                items.iter_mut().for_each(|value| self.value(item, value));
            }
            (BaseType::List(item), value) => self.value(item, value),
            (BaseType::Named(name), Value::Object(values)) => {
                let Some(NamedType::InputObject { fields, .. }) = self.get(name) else { return };
                for (name, value) in values {
                    if let Some(field) = fields.get(name) {
                        self.value(&field.ty, value);
                    }
                }
            }
            (BaseType::Named(scalar), value) => {
                let Value::Enum(name) = &value else { return };
                if let Some(settled) = literal(scalar, name) {
                    *value = settled;
                }
            }
        }
    }
}

/// The operations of a document.
pub(in crate::transport) fn operations_mut(
    document: &mut ExecutableDocument,
) -> Vec<&mut OperationDefinition> {
    match &mut document.operations {
        DocumentOperations::Single(operation) => vec![&mut operation.node],
        DocumentOperations::Multiple(operations) => {
            operations.values_mut().map(|operation| &mut operation.node).collect()
        }
    }
}
