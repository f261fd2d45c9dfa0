//! The rules that an operation keeps or breaks together with its fragments.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{BaseType, OperationDefinition, Type, VariableDefinition};
use async_graphql::{Name, Positioned, Value};
use ctutor_engine::near;

use super::definition::Definition;
use super::hints::question;
use super::values::Place;
use super::{Errors, NeverNull};

pub(super) struct Operation<'a> {
    pub(super) name: Option<&'a Name>,
    pub(super) operation: &'a Positioned<OperationDefinition>,
    pub(super) fragments: &'a HashMap<&'a str, Definition<'a>>,
}

impl<'a> Operation<'a> {
    /// Checks its variables. Returns the fragments that it uses.
    pub(super) fn check(
        &self,
        definition: &Definition<'a>,
        never_null: &mut Vec<NeverNull>,
        errors: &mut Errors,
    ) -> HashSet<&'a str> {
        let definitions = &self.operation.node.variable_definitions;
        let by_name: HashMap<&Name, &VariableDefinition> =
            definitions.iter().map(|variable| (&variable.node.name.node, &variable.node)).collect();
        let mut used = HashSet::new();
        let mut fragments = HashSet::new();
        let mut stack = vec![definition];
        while let Some(definition) = stack.pop() {
            for usage in &definition.usages {
                if errors.is_full() {
                    return fragments;
                }
                let Some(variable) = by_name.get(usage.variable) else {
                    let meant = near::meant(usage.variable, by_name.keys().map(|name| name.as_str()));
                    let message = format!(
                        "variable `${}` is not defined by {}{}",
                        usage.variable,
                        self.described(),
                        question("$", meant)
                    );
                    errors.add(usage.pos, message);
                    continue;
                };
                used.insert(usage.variable);
                let Some(place) = usage.place else { continue };
                match allow(variable, place) {
                    Allowed::Always => {}
                    Allowed::UnlessNull => never_null.push(NeverNull {
                        operation: self.operation.pos,
                        variable: usage.variable.clone(),
                        pos: usage.pos,
                        is_null_when_absent: default(variable) == Some(&Value::Null),
                    }),
                    Allowed::Never(expected) => errors.add(
                        usage.pos,
                        format!(
                            "variable `${}` of type `{}` cannot stand where {expected} is expected",
                            usage.variable, variable.var_type.node
                        ),
                    ),
                }
            }
            for spread in &definition.spreads {
                if let Some((name, fragment)) = self.fragments.get_key_value(spread.as_str())
                    && fragments.insert(*name)
                {
                    stack.push(fragment);
                }
            }
        }
        for Positioned { pos, node } in
            definitions.iter().filter(|known| !used.contains(&known.node.name.node))
        {
            errors.add(*pos, format!("variable `${}` is never used by {}", node.name.node, self.described()));
        }
        fragments
    }

    fn described(&self) -> String {
        self.name.map_or_else(|| "the operation".to_owned(), |name| format!("operation `{name}`"))
    }
}

enum Allowed {
    Always,
    /// It may be left out, as its position or itself has a default value, but not be null.
    UnlessNull,
    Never(String),
}

fn allow(variable: &VariableDefinition, place: Place<'_>) -> Allowed {
    let (ty, expected) = (&variable.var_type.node, place.ty);
    let needs_default = ty.nullable && !place.takes_null;
    let has_default = place.has_default || default(variable).is_some_and(|default| *default != Value::Null);
    match (needs_default, is_base_within(&ty.base, &expected.base)) {
        (false, true) => Allowed::Always,
        (true, true) if has_default => Allowed::UnlessNull,
        _ if place.is_one_of && expected.nullable => Allowed::Never(format!("`{expected}!`")),
        _ => Allowed::Never(format!("`{expected}`")),
    }
}

fn default(variable: &VariableDefinition) -> Option<&Value> {
    variable.default_value.as_ref().map(|value| &value.node)
}

/// Whether all values of a type are values of another.
fn is_within(ty: &Type, other: &Type) -> bool {
    (!ty.nullable || other.nullable) && is_base_within(&ty.base, &other.base)
}

fn is_base_within(base: &BaseType, other: &BaseType) -> bool {
    match (base, other) {
        (BaseType::Named(name), BaseType::Named(other)) => name == other,
        (BaseType::List(item), BaseType::List(other)) => is_within(item, other),
        _ => false,
    }
}
