//! The rules that an operation or a fragment keeps or breaks alone.

use std::collections::HashSet;

use async_graphql::parser::types::{
    Directive, DirectiveLocation, ExecutableDocument, Field, FragmentDefinition, InlineFragment,
    OperationDefinition, OperationType, Selection, SelectionSet, TypeCondition, VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned};
use async_graphql_value::Value;
use ctutor_engine::near;

use super::Errors;
use super::hints::question;
use super::schema::{self, Inputs, NamedType, Schema};
use super::values::{self, Usage};

type Arguments = [(Positioned<Name>, Positioned<Value>)];

/// What is to be known of an operation or a fragment once it has been walked.
pub(super) struct Definition<'a> {
    /// Where variables stand, each sort of position once for each variable.
    pub(super) usages: Vec<Usage<'a>>,
    /// The fragments that it spreads.
    pub(super) spreads: Vec<&'a Name>,
}

impl<'a> Definition<'a> {
    pub(super) fn of_fragment(
        schema: &'a Schema,
        document: &'a ExecutableDocument,
        fragment: &'a Positioned<FragmentDefinition>,
        errors: &mut Errors,
    ) -> Self {
        let mut walk = Walk::new(schema, document, errors);
        let fragment = &fragment.node;
        let parent = walk.type_condition(&fragment.type_condition);
        walk.directives(&fragment.directives, DirectiveLocation::FragmentDefinition);
        walk.selections(&fragment.selection_set.node, parent);
        walk.finish()
    }

    pub(super) fn of_operation(
        schema: &'a Schema,
        document: &'a ExecutableDocument,
        operation: &'a Positioned<OperationDefinition>,
        errors: &mut Errors,
    ) -> Self {
        let mut walk = Walk::new(schema, document, errors);
        let Positioned { pos, node: operation } = operation;
        walk.variables(&operation.variable_definitions);
        let location = match operation.ty {
            OperationType::Query => DirectiveLocation::Query,
            OperationType::Mutation => DirectiveLocation::Mutation,
            OperationType::Subscription => DirectiveLocation::Subscription,
        };
        walk.directives(&operation.directives, location);
        let root = schema.root(operation.ty);
        if root.is_none() {
            walk.errors.add(*pos, format!("the schema has no {} operations", operation.ty));
        }
        walk.selections(&operation.selection_set.node, root.map(Name::as_str));
        walk.finish()
    }
}

struct Walk<'a, 'e> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    errors: &'e mut Errors,
    usages: values::Usages<'a>,
    spreads: Vec<&'a Name>,
}

impl<'a, 'e> Walk<'a, 'e> {
    fn new(schema: &'a Schema, document: &'a ExecutableDocument, errors: &'e mut Errors) -> Self {
        Self { schema, document, errors, usages: values::Usages::default(), spreads: Vec::new() }
    }

    fn finish(self) -> Definition<'a> {
        Definition { usages: self.usages.into_list(), spreads: self.spreads }
    }

    fn variables(&mut self, definitions: &'a [Positioned<VariableDefinition>]) {
        let mut seen = HashSet::new();
        for Positioned { pos, node: variable } in definitions {
            let name = &variable.name.node;
            if !seen.insert(name) {
                self.errors.add(*pos, format!("variable `${name}` is defined twice"));
            }
            self.directives(&variable.directives, DirectiveLocation::VariableDefinition);
            let (ty, ty_pos) = (&variable.var_type.node, variable.var_type.pos);
            let innermost = schema::innermost(ty);
            match self.schema.get(innermost) {
                None => self.unknown_type(ty_pos, innermost, NamedType::is_input),
                Some(known) if !known.is_input() => {
                    self.errors
                        .add(ty_pos, format!("variable `${name}` cannot have the output type `{innermost}`"));
                }
                Some(_) => {
                    let Some(default) = &variable.default_value else { continue };
                    if let Err(misfit) = values::check_constant(self.schema, ty, &default.node) {
                        self.errors.push(misfit.tell(super::misfit::Holder::Variable(name), default.pos));
                    }
                }
            }
        }
    }

    /// Walks a selection set. Without a parent, which is unknown then, only variables and spreads are of interest.
    fn selections(&mut self, set: &'a SelectionSet, parent: Option<&'a str>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.field(&field.node, field.pos, parent),
                Selection::InlineFragment(fragment) => {
                    self.inline_fragment(&fragment.node, fragment.pos, parent);
                }
                Selection::FragmentSpread(spread) => {
                    let (name, pos) = (&spread.node.fragment_name.node, spread.pos);
                    self.directives(&spread.node.directives, DirectiveLocation::FragmentSpread);
                    self.spreads.push(name);
                    match self.document.fragments.get(name) {
                        None => self.errors.add_with(pos, || {
                            let meant = near::meant(name, self.document.fragments.keys().map(Name::as_str));
                            format!("unknown fragment `{name}`{}", question("", meant))
                        }),
                        Some(fragment) => {
                            self.spread(&fragment.node.type_condition.node.on.node, pos, parent);
                        }
                    }
                }
            }
        }
    }

    fn inline_fragment(&mut self, fragment: &'a InlineFragment, pos: Pos, parent: Option<&'a str>) {
        self.directives(&fragment.directives, DirectiveLocation::InlineFragment);
        let within = match &fragment.type_condition {
            None => parent,
            Some(condition) => {
                self.spread(&condition.node.on.node, pos, parent);
                self.type_condition(condition)
            }
        };
        self.selections(&fragment.selection_set.node, within);
    }

    /// A fragment of a type within a type: there must be objects of both.
    fn spread(&mut self, on: &Name, pos: Pos, parent: Option<&str>) {
        let is_composite = |name: &str| self.schema.get(name).is_some_and(NamedType::is_composite);
        let Some(parent) = parent.filter(|parent| is_composite(parent) && is_composite(on)) else { return };
        if !self.schema.overlap(on, parent) {
            let message =
                format!("a fragment on `{on}` cannot apply here: no `{parent}` is ever of type `{on}`");
            self.errors.add(pos, message);
        }
    }

    fn type_condition(&mut self, condition: &'a Positioned<TypeCondition>) -> Option<&'a str> {
        let Positioned { pos, node: on } = &condition.node.on;
        match self.schema.get(on) {
            None => self.unknown_type(*pos, on, NamedType::is_composite),
            Some(known) if !known.is_composite() => {
                let message = format!("a fragment cannot be on `{on}`, which has no fields to select");
                self.errors.add(*pos, message);
            }
            Some(_) => return Some(on.as_str()),
        }
        None
    }

    fn unknown_type(&mut self, pos: Pos, name: &Name, is_fit: fn(&NamedType) -> bool) {
        let schema = self.schema;
        self.errors.add_with(pos, || {
            let known = schema.type_names().filter(|known| schema.get(known).is_some_and(is_fit));
            format!("unknown type `{name}`{}", schema.hints.question(name, known))
        });
    }

    fn field(&mut self, field: &'a Field, pos: Pos, parent: Option<&'a str>) {
        let name = &field.name.node;
        let selections = &field.selection_set.node;
        let known = parent.and_then(|parent| self.schema.field(parent, name));
        if let (None, Some(parent)) = (known, parent) {
            let is_query = self.schema.root(OperationType::Query).is_some_and(|query| query == parent);
            let schema = self.schema;
            self.errors.add_with(pos, || {
                if is_query && schema::is_introspection(name) {
                    format!("`{name}` cannot be selected: introspection is disabled on this server")
                } else {
                    format!("type `{parent}` has no field `{name}`{}", schema.field_meant(parent, name))
                }
            });
        }
        let owner = format!("field `{name}`");
        self.arguments(&field.arguments, known.map(|known| &known.arguments), pos, &owner);
        self.directives(&field.directives, DirectiveLocation::Field);
        let within = known.map(|known| schema::innermost(&known.ty));
        let is_composite = within.and_then(|within| self.schema.get(within)).map(NamedType::is_composite);
        match is_composite {
            Some(true) if selections.items.is_empty() => {
                let message =
                    format!("field `{name}` must have a selection of fields, such as `{name} {{ … }}`");
                self.errors.add(pos, message);
            }
            Some(false) if !selections.items.is_empty() => {
                self.errors
                    .add(pos, format!("field `{name}` cannot have a selection: its type has no fields"));
            }
            _ => {}
        }
        self.selections(selections, within.filter(|_| is_composite == Some(true)).map(Name::as_str));
    }

    fn directives(&mut self, directives: &'a [Positioned<Directive>], location: DirectiveLocation) {
        let mut seen = HashSet::new();
        for Positioned { pos, node: directive } in directives {
            let name = &directive.name.node;
            let known = self.schema.directive(name);
            match known {
                None => {
                    let schema = self.schema;
                    self.errors.add_with(*pos, || {
                        let meant = schema.hints.meant(name, schema.directive_names());
                        format!("unknown directive `@{name}`{}", question("@", meant))
                    });
                }
                Some(known) => {
                    if !known.locations.contains(&location) {
                        let place = place(location);
                        self.errors.add(*pos, format!("directive `@{name}` cannot stand at {place}"));
                    }
                    if !known.is_repeatable && !seen.insert(name) {
                        self.errors.add(*pos, format!("directive `@{name}` is used twice at the same place"));
                    }
                }
            }
            let owner = format!("directive `@{name}`");
            self.arguments(&directive.arguments, known.map(|known| &known.arguments), *pos, &owner);
        }
    }

    /// The arguments of a field or directive, which may be unknown itself.
    fn arguments(&mut self, given: &'a Arguments, known: Option<&'a Inputs>, pos: Pos, owner: &str) {
        let mut seen = HashSet::new();
        for (name, value) in given {
            if !seen.insert(&name.node) {
                self.errors.add(name.pos, format!("argument `{}` is given twice", name.node));
            }
            let input = known.and_then(|known| known.get(&name.node));
            if let (Some(known), None) = (known, input) {
                let hints = self.schema.hints;
                self.errors.add_with(name.pos, || {
                    let meant = hints.question(&name.node, known.keys());
                    format!("{owner} has no argument `{}`{meant}", name.node)
                });
            }
            let found = self.usages.check(self.schema, input, &value.node, value.pos);
            if let Err(misfit) = found {
                self.errors.push(misfit.tell(super::misfit::Holder::Argument(&name.node), value.pos));
            }
        }
        for (name, input) in known.into_iter().flatten() {
            if input.is_required() && !seen.contains(name) {
                self.errors
                    .add(pos, format!("{owner} requires the argument `{name}` of type `{}`", input.ty));
            }
        }
    }
}

fn place(location: DirectiveLocation) -> &'static str {
    match location {
        DirectiveLocation::Query => "a query",
        DirectiveLocation::Mutation => "a mutation",
        DirectiveLocation::Subscription => "a subscription",
        DirectiveLocation::Field => "a field",
        DirectiveLocation::FragmentDefinition => "the definition of a fragment",
        DirectiveLocation::FragmentSpread | DirectiveLocation::InlineFragment => "a fragment",
        DirectiveLocation::VariableDefinition => "the definition of a variable",
        _ => "a place in a document",
    }
}
