//! A subscription has one field at its root, whatever its variables are.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Pos, Positioned};

use super::Errors;

/// Checks the fields at the root of an operation, if it is a subscription.
pub(super) fn check(
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
    errors: &mut Errors,
) {
    if operation.node.ty != OperationType::Subscription {
        return;
    }
    let root = Root::of(document, &operation.node.selection_set.node);
    if let Some(pos) = root.conditional {
        // What is left of the fields is not known without the variables.
        errors.add(pos, "a subscription cannot skip or include fields at its root".to_owned());
        return;
    }
    let mut fields = root.fields.iter();
    let Some(first) = fields.next() else { return };
    if first.node.name.node.starts_with("__") {
        errors.add(first.pos, "a subscription cannot select introspection at its root".to_owned());
    }
    let key = &first.node.response_key().node;
    if let Some(second) = fields.find(|field| field.node.response_key().node != *key) {
        errors.add(second.pos, "a subscription must select exactly one field".to_owned());
    }
}

/// Moves the field at the root of a valid subscription out of fragments, as the executor overlooks it there.
pub(in crate::transport) fn lift_root(document: &mut ExecutableDocument, operation_name: Option<&str>) {
    let operation = match (&document.operations, operation_name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    let Some(operation) = operation else { return };
    let set = &operation.node.selection_set.node;
    if matches!(set.items.as_slice(), [Positioned { node: Selection::Field(_), .. }]) {
        return;
    }
    let root = Root::of(document, set);
    let Some(mut field) = root.fields.first().map(|field| (*field).clone()) else { return };
    let others = root.fields.iter().skip(1).flat_map(|field| &field.node.selection_set.node.items);
    field.node.selection_set.node.items.extend(others.cloned());
    let items = vec![Positioned::new(Selection::Field(field.clone()), field.pos)];
    let operation = match &mut document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(operations) => match operation_name {
            Some(name) => operations.get_mut(name),
            None => operations.values_mut().next(),
        },
    };
    if let Some(operation) = operation {
        operation.node.selection_set.node.items = items;
    }
}

/// What stands at the root of an operation, in fragments too.
#[derive(Default)]
struct Root<'a> {
    fields: Vec<&'a Positioned<Field>>,
    /// Where there is a `@skip` or `@include`.
    conditional: Option<Pos>,
}

impl<'a> Root<'a> {
    fn of(document: &'a ExecutableDocument, set: &'a SelectionSet) -> Self {
        let mut root = Self::default();
        let mut spread = HashSet::new();
        let mut stack = vec![set];
        while let Some(set) = stack.pop() {
            for selection in &set.items {
                let directives = selection.node.directives();
                let conditional = directives.iter().find(|directive| is_condition(&directive.node.name.node));
                root.conditional = root.conditional.or(conditional.map(|directive| directive.pos));
                match &selection.node {
                    Selection::Field(field) => root.fields.push(field),
                    Selection::InlineFragment(fragment) => stack.push(&fragment.node.selection_set.node),
                    Selection::FragmentSpread(fragment) => {
                        let name = &fragment.node.fragment_name.node;
                        if spread.insert(name)
                            && let Some(fragment) = document.fragments.get(name)
                        {
                            stack.push(&fragment.node.selection_set.node);
                        }
                    }
                }
            }
        }
        root
    }
}

fn is_condition(directive: &str) -> bool {
    matches!(directive, "skip" | "include")
}
