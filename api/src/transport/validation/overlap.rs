//! Fields of one response name must be able to become one value.
//!
//! Selections of the same field with the same arguments in the same type are made one first, with all their
//! selections below. So the fields of one name that are left in a valid document differ in their type, and there are
//! no more than types. Two fields are compared once at most, as each stands below one field.

use std::collections::{HashMap, HashSet};

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, Type,
};
use async_graphql::{Name, Pos};
use async_graphql_value::Value;

use super::Errors;
use super::schema::{NamedType, Schema, innermost};

/// Looks for contradictions in the operations of a document that keeps all other rules. Returns the work done: the
/// selections visited and the fields compared.
pub(super) fn check<'a>(
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    operations: impl IntoIterator<Item = &'a OperationDefinition>,
    errors: &mut Errors,
) -> usize {
    let (nodes, arguments, numbers) = (Vec::new(), HashMap::new(), HashMap::new());
    let mut overlap = Overlap { schema, document, errors, nodes, arguments, numbers, steps: 0 };
    for operation in operations {
        let Some(root) = schema.root(operation.ty) else { continue };
        overlap.nodes.clear();
        let set = overlap.collect(&[(&operation.selection_set.node, root)]);
        overlap.within(&set);
    }
    overlap.steps
}

struct Overlap<'a, 'e> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    errors: &'e mut Errors,
    nodes: Vec<Node<'a>>,
    /// Numbers for lists of arguments, the same for the same ones.
    arguments: HashMap<String, usize>,
    /// The numbers of fields that have been met: one in a fragment is met as often as it is spread.
    numbers: HashMap<*const Field, usize>,
    steps: usize,
}

/// Selections of one field with the same arguments, and what they select of it.
struct Node<'a> {
    parent: &'a Name,
    name: &'a Name,
    arguments: usize,
    /// Nothing for `__typename`, which graphql-js lets stand beside a field of any type in another object.
    ty: Option<&'a Type>,
    pos: Pos,
    below: Vec<(&'a SelectionSet, &'a Name)>,
    /// The fields below, once they have been collected.
    children: Option<Set>,
}

/// The fields of a selection set by their response names.
type Set = std::rc::Rc<IndexMap<Name, Vec<usize>>>;

impl<'a> Overlap<'a, '_> {
    /// The fields that selection sets of one value select of it, each with the type that it stands in.
    fn collect(&mut self, sets: &[(&'a SelectionSet, &'a Name)]) -> Set {
        let mut fields: IndexMap<Name, Vec<usize>> = IndexMap::new();
        let mut by_key: HashMap<(&Name, &Name, &Name, usize), usize> = HashMap::new();
        let mut spread = HashSet::new();
        let mut stack: Vec<_> = sets.iter().rev().copied().collect();
        while let Some((set, parent)) = stack.pop() {
            for selection in &set.items {
                self.steps += 1;
                match &selection.node {
                    Selection::Field(field) => {
                        let response = &field.node.response_key().node;
                        let arguments = self.number(&field.node);
                        let key = (response, parent, &field.node.name.node, arguments);
                        let node = *by_key.entry(key).or_insert_with(|| {
                            self.nodes.push(self.node(&field.node, field.pos, parent, arguments));
                            fields.entry(response.clone()).or_default().push(self.nodes.len() - 1);
                            self.nodes.len() - 1
                        });
                        if let Some(ty) = self.nodes[node].ty
                            && !field.node.selection_set.node.items.is_empty()
                        {
                            self.nodes[node].below.push((&field.node.selection_set.node, innermost(ty)));
                        }
                    }
                    Selection::InlineFragment(fragment) => {
                        let condition = fragment.node.type_condition.as_ref();
                        let within = condition.map_or(parent, |condition| &condition.node.on.node);
                        stack.push((&fragment.node.selection_set.node, within));
                    }
                    Selection::FragmentSpread(fragment) => {
                        let name = &fragment.node.fragment_name.node;
                        if spread.insert(name)
                            && let Some(fragment) = self.document.fragments.get(name)
                        {
                            let within = &fragment.node.type_condition.node.on.node;
                            stack.push((&fragment.node.selection_set.node, within));
                        }
                    }
                }
            }
        }
        Set::new(fields)
    }

    fn node(&self, field: &'a Field, pos: Pos, parent: &'a Name, arguments: usize) -> Node<'a> {
        let name = &field.name.node;
        let ty = self.schema.field(parent, name).filter(|_| *name != *"__typename").map(|field| &field.ty);
        Node { parent, name, arguments, ty, pos, below: Vec::new(), children: None }
    }

    /// The number of the arguments of a field.
    fn number(&mut self, field: &Field) -> usize {
        if field.arguments.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(&std::ptr::from_ref(field)) {
            return *number;
        }
        let mut arguments: Vec<_> =
            field.arguments.iter().map(|(name, value)| (&name.node, sorted(&value.node))).collect();
        arguments.sort_by_key(|(name, _)| name.as_str());
        let text: String = arguments.iter().map(|(name, value)| format!("{name}:{value},")).collect();
        let next = self.arguments.len() + 1;
        let number = *self.arguments.entry(text).or_insert(next);
        self.numbers.insert(std::ptr::from_ref(field), number);
        number
    }

    fn children(&mut self, node: usize) -> Set {
        if let Some(children) = &self.nodes[node].children {
            return children.clone();
        }
        let below = std::mem::take(&mut self.nodes[node].below);
        let children = self.collect(&below);
        self.nodes[node].children = Some(children.clone());
        children
    }

    /// Compares the fields of one set with each other, and those below them.
    fn within(&mut self, set: &Set) {
        for (response, nodes) in set.iter() {
            for (index, a) in nodes.iter().enumerate() {
                for b in &nodes[index + 1..] {
                    if self.errors.is_full() || !self.pair(response, *a, *b, false) {
                        break;
                    }
                }
                let children = self.children(*a);
                self.within(&children);
            }
        }
    }

    /// Compares two fields of one response name. Those in two object types never meet in one value, so that it is
    /// enough if they have the same shape. Returns whether they may stand together.
    fn pair(&mut self, response: &Name, a: usize, b: usize, are_apart: bool) -> bool {
        self.steps += 1;
        let (first, second) = (&self.nodes[a], &self.nodes[b]);
        let are_apart = are_apart
            || (first.parent != second.parent
                && self.is_object(first.parent)
                && self.is_object(second.parent));
        if !are_apart && first.name != second.name {
            return self.conflict(
                response,
                a,
                b,
                &format!("the fields `{}` and `{}`", first.name, second.name),
            );
        }
        if !are_apart && first.arguments != second.arguments {
            return self.conflict(response, a, b, &format!("`{}` with different arguments", first.name));
        }
        if let (Some(one), Some(other)) = (first.ty, second.ty)
            && !self.same_shape(one, other)
        {
            return self.conflict(response, a, b, &format!("fields of the types `{one}` and `{other}`"));
        }
        let (first, second) = (self.children(a), self.children(b));
        for (response, nodes) in first.iter() {
            let Some(others) = second.get(response) else { continue };
            for a in nodes {
                for b in others {
                    if self.errors.is_full() || !self.pair(response, *a, *b, are_apart) {
                        return true;
                    }
                }
            }
        }
        true
    }

    fn conflict(&mut self, response: &Name, a: usize, b: usize, both: &str) -> bool {
        let message = format!("`{response}` is selected twice, as {both}; give one of them another alias");
        self.errors.add(self.nodes[b].pos, message);
        if let Some(error) = self.errors.0.last_mut() {
            error.locations.insert(0, self.nodes[a].pos);
        }
        false
    }

    fn is_object(&self, name: &Name) -> bool {
        matches!(self.schema.get(name), Some(NamedType::Object(_)))
    }

    /// Whether values of both types look the same: lists and nulls at the same places, the same scalars.
    fn same_shape(&self, a: &Type, b: &Type) -> bool {
        if a.nullable != b.nullable {
            return false;
        }
        match (&a.base, &b.base) {
            (BaseType::List(a), BaseType::List(b)) => self.same_shape(a, b),
            (BaseType::Named(a), BaseType::Named(b)) => {
                let is_composite = |name: &Name| self.schema.get(name).is_some_and(NamedType::is_composite);
                a == b || (is_composite(a) && is_composite(b))
            }
            _ => false,
        }
    }
}

/// A value as text, with the fields of its objects in the order of their names.
fn sorted(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(sorted).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            let fields: Vec<_> =
                fields.into_iter().map(|(name, value)| format!("{name}:{}", sorted(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::guard::{self, Limits};
    use super::*;

    const SDL: &str = include_str!("../../../../tests/conformance/validation.graphql");

    /// The fields of a document that the guard lets through, and the work that it makes here.
    fn work(text: &str) -> (usize, usize) {
        let schema = Schema::parse(SDL).unwrap();
        let (document, cost) = guard::parse(text, &Limits::default()).unwrap();
        let mut errors = Errors::default();
        let operations = document.operations.iter().map(|(_, operation)| &operation.node);
        let steps = check(&schema, &document, operations, &mut errors);
        (usize::try_from(cost.fields).unwrap(), steps)
    }

    #[test]
    fn what_is_selected_again_and_again_is_compared_once() {
        let (fields, steps) = work(&format!("{{ being(id: 1) {{ {} }} }}", "id ".repeat(1_990)));
        assert!(steps <= fields, "{steps} for {fields}");
        let (fields, steps) = work(&format!("{{ being(id: 1) {{ {} }} }}", "best { id } ".repeat(990)));
        assert!(steps <= 2 * fields, "{steps} for {fields}");
    }

    /// On each level the fields of two object types meet those of the interface: twice as many combinations a level.
    #[test]
    fn combinations_of_types_do_not_multiply() {
        fn chain(levels: usize) -> String {
            format!("{}id{}", "best { ".repeat(levels), " }".repeat(levels))
        }
        fn nested(levels: usize) -> String {
            if levels == 0 {
                return "id".to_owned();
            }
            let (chain, below) = (chain(levels), nested(levels - 1));
            format!("... on Cat {{ {chain} }} ... on Dog {{ {chain} }} best {{ {below} }}")
        }
        let (fields, steps) = work(&format!("{{ being(id: 1) {{ {} }} }}", nested(18)));
        assert!(fields > 300 && steps < fields * fields / 2, "{steps} for {fields}");
    }
}
