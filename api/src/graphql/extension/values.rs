//! Every value that a request gives, checked before any of it runs.
//!
//! The library reads values where a field uses them, when fields before it may have changed something already. Its
//! validation does not help: it overlooks integers beyond 32 bits, and whole arguments of which a variable is left out.

use std::{collections::HashSet, convert::Infallible};

use async_graphql::{
    Error, ErrorExtensions, Name, Pos, Request, ServerError, ServerResult, Value, Variables,
    indexmap::IndexMap,
    parser::types::{
        DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
    registry::{MetaField, MetaInputValue, MetaType, MetaTypeName, Registry},
};
use bytes::Bytes;

use crate::{graphql::error::coded, transport::code};

/// How much of a text is said back.
const FOUND_CHARS_MAX: usize = 100;

/// Stands for a variable: its value is checked where it is declared, and validation compares the types. No text of
/// a request becomes a value of this kind.
const CHECKED: Value = Value::Binary(Bytes::new());

/// Checks the values of the operation that is asked for.
pub(super) fn check(registry: &Registry, request: &mut Request) -> ServerResult<()> {
    let variables = std::mem::take(&mut request.variables);
    let operation_name = request.operation_name.clone();
    let check = Check { registry, variables: &variables };
    check.document(request.parsed_query()?, operation_name.as_deref())?;
    request.variables = variables;
    Ok(())
}

struct Check<'a> {
    registry: &'a Registry,
    variables: &'a Variables,
}

/// A value that its type does not take.
struct Misfit {
    /// The way to it in the argument or variable, innermost first.
    path: Vec<Value>,
    found: Value,
    allowed: String,
}

/// What has the value.
enum Holder<'a> {
    Argument(&'a Name),
    Variable(&'a Name),
}

impl<'a> Check<'a> {
    /// Unknown fields, arguments and types are left to the validation that follows.
    fn document(&self, document: &'a ExecutableDocument, name: Option<&str>) -> ServerResult<()> {
        let Some(operation) = find_operation(document, name) else { return Ok(()) };
        self.variables(operation)?;
        let mut seen = HashSet::new();
        let mut stack: Vec<(&SelectionSet, &str)> = Vec::new();
        if let Some(root) = self.root(operation) {
            stack.push((&operation.selection_set.node, root));
        }
        while let Some((set, parent)) = stack.pop() {
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) => {
                        let Some(meta) = self.field(parent, &field.node.name.node) else { continue };
                        self.arguments(&field.node, meta, operation)?;
                        stack.push((
                            &field.node.selection_set.node,
                            MetaTypeName::concrete_typename(&meta.ty),
                        ));
                    }
                    Selection::InlineFragment(fragment) => {
                        let condition = fragment.node.type_condition.as_ref();
                        let parent = condition.map_or(parent, |condition| condition.node.on.node.as_str());
                        stack.push((&fragment.node.selection_set.node, parent));
                    }
                    Selection::FragmentSpread(spread) => {
                        let name = &spread.node.fragment_name.node;
                        let Some(fragment) = document.fragments.get(name) else { continue };
                        if seen.insert(name) {
                            let on = fragment.node.type_condition.node.on.node.as_str();
                            stack.push((&fragment.node.selection_set.node, on));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn root(&self, operation: &OperationDefinition) -> Option<&'a str> {
        match operation.ty {
            OperationType::Query => Some(&self.registry.query_type),
            OperationType::Mutation => self.registry.mutation_type.as_deref(),
            OperationType::Subscription => self.registry.subscription_type.as_deref(),
        }
    }

    fn field(&self, parent: &str, name: &str) -> Option<&'a MetaField> {
        self.registry.types.get(parent)?.field_by_name(name)
    }

    fn variables(&self, operation: &OperationDefinition) -> ServerResult<()> {
        for definition in &operation.variable_definitions {
            let name = &definition.node.name.node;
            if let Some(value) = self.variable(name, operation) {
                let ty = definition.node.var_type.node.to_string();
                self.value(&ty, value)
                    .map_err(|misfit| misfit.tell(&Holder::Variable(name), definition.pos))?;
            }
        }
        Ok(())
    }

    /// What a variable stands for, as the executor will read it.
    fn variable<'v>(&'v self, name: &Name, operation: &'v OperationDefinition) -> Option<&'v Value> {
        self.variables.get(name).or_else(|| {
            let mut definitions = operation.variable_definitions.iter();
            let definition = definitions.find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value.as_ref().map(|default| &default.node)
        })
    }

    fn arguments(
        &self,
        field: &Field,
        meta: &MetaField,
        operation: &OperationDefinition,
    ) -> ServerResult<()> {
        for (name, value) in &field.arguments {
            let Some(argument) = meta.args.get(name.node.as_str()) else { continue };
            let resolve = |variable: Name| -> Result<Value, Infallible> {
                let is_null = self.variable(&variable, operation) == Some(&Value::Null);
                Ok(if is_null { Value::Null } else { CHECKED })
            };
            let Ok(literal) = value.node.clone().into_const_with(resolve);
            self.value(&argument.ty, &literal)
                .map_err(|misfit| misfit.tell(&Holder::Argument(&name.node), value.pos))?;
        }
        Ok(())
    }

    fn value(&self, ty: &str, value: &Value) -> Result<(), Misfit> {
        match (MetaTypeName::create(ty), value) {
            (_, Value::Binary(_)) => Ok(()),
            (MetaTypeName::NonNull(_), Value::Null) => Err(Misfit::new(value, format!("a value of `{ty}`"))),
            (MetaTypeName::NonNull(ty), _) => self.value(ty, value),
            (MetaTypeName::List(_) | MetaTypeName::Named(_), Value::Null) => Ok(()),
            (MetaTypeName::List(ty), Value::List(items)) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.value(ty, item).map_err(|misfit| misfit.below(index))),
            // One item stands for a list of one.
            (MetaTypeName::List(ty), _) => self.value(ty, value),
            (MetaTypeName::Named(name), _) => self.named(name, value),
        }
    }

    fn named(&self, name: &str, value: &Value) -> Result<(), Misfit> {
        match self.registry.types.get(name) {
            Some(MetaType::Scalar { .. }) if name == "Int" => {
                let is_int = |number: &async_graphql::Number| {
                    number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
                };
                let fits = matches!(value, Value::Number(number) if is_int(number));
                fit(fits, value, || format!("an integer from {} to {}", i32::MIN, i32::MAX))
            }
            Some(MetaType::Scalar { is_valid, description, .. }) => {
                let fits = is_valid.as_ref().is_none_or(|is_valid| is_valid(value));
                fit(fits, value, || match description.as_deref().and_then(|text| text.lines().next()) {
                    Some(description) if !is_built_in(name) => format!("`{name}`: {description}"),
                    _ => format!("a value of `{name}`"),
                })
            }
            Some(MetaType::Enum { enum_values, .. }) => {
                let fits = match value {
                    Value::Enum(name) => enum_values.contains_key(name.as_str()),
                    Value::String(name) => enum_values.contains_key(name),
                    _ => false,
                };
                fit(fits, value, || list(enum_values.keys()))
            }
            Some(MetaType::InputObject { input_fields, oneof, .. }) => {
                self.object(name, input_fields, *oneof, value)
            }
            _ => Ok(()),
        }
    }

    fn object(
        &self,
        name: &str,
        fields: &IndexMap<String, MetaInputValue>,
        is_one_of: bool,
        value: &Value,
    ) -> Result<(), Misfit> {
        let Value::Object(values) = value else {
            return Err(Misfit::new(value, format!("an object of `{name}`")));
        };
        if is_one_of && (values.len() != 1 || values.values().any(|value| *value == Value::Null)) {
            return Err(Misfit::new(value, format!("exactly one of {}", list(fields.keys()))));
        }
        for (field, value) in values {
            let Some(meta) = fields.get(field.as_str()) else {
                let misfit = Misfit::new(value, format!("only the fields {}", list(fields.keys())));
                return Err(misfit.below(field.as_str()));
            };
            self.value(&meta.ty, value).map_err(|misfit| misfit.below(field.as_str()))?;
        }
        for meta in fields.values().filter(|meta| !values.contains_key(meta.name.as_str())) {
            if meta.default_value.is_none() {
                self.value(&meta.ty, &Value::Null).map_err(|misfit| misfit.below(meta.name.as_str()))?;
            }
        }
        Ok(())
    }
}

fn find_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    operation.map(|operation| &operation.node)
}

fn is_built_in(scalar: &str) -> bool {
    matches!(scalar, "Int" | "Float" | "String" | "Boolean" | "ID")
}

fn fit(fits: bool, value: &Value, allowed: impl FnOnce() -> String) -> Result<(), Misfit> {
    if fits { Ok(()) } else { Err(Misfit::new(value, allowed())) }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Misfit {
    fn new(found: &Value, allowed: String) -> Self {
        let found = match found {
            Value::String(text) => Value::String(text.chars().take(FOUND_CHARS_MAX).collect()),
            Value::List(_) => Value::from("a list"),
            Value::Object(_) => Value::from("an object"),
            other => other.clone(),
        };
        Self { path: Vec::new(), found, allowed }
    }

    fn below(mut self, segment: impl Into<Value>) -> Self {
        self.path.push(segment.into());
        self
    }

    fn tell(mut self, holder: &Holder<'_>, pos: Pos) -> ServerError {
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
        let message = format!("`{place}` is {}, allowed is {}", self.found, self.allowed);
        let error: Error = coded(code::BAD_USER_INPUT, message).extend_with(|_, extensions| {
            extensions.set(kind, name.as_str());
            extensions.set("path", Value::List(self.path.clone()));
            extensions.set("found", self.found.clone());
            extensions.set("allowed", self.allowed.clone());
        });
        error.into_server_error(pos)
    }
}
