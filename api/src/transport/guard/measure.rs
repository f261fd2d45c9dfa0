//! The third gate: what a document stands for once its fragments are expanded, without expanding them.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

use super::{Error, Limit, Limits, bound};

/// The list fields of the introspection types: nested in each other they multiply.
const INTROSPECTION_LISTS: [&str; 8] =
    ["types", "directives", "fields", "args", "inputFields", "interfaces", "possibleTypes", "enumValues"];

/// What a document costs, as far as its text tells.
///
/// Sums saturate: a document beyond `u64` is as refused as one beyond a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Fields, spreads and inline fragments of all operations.
    pub fields: u64,
    /// Directives of all operations.
    pub directives: u64,
    /// Aliases of the operation that has most.
    pub aliases: u64,
    /// Levels of fields of the deepest operation.
    pub depth: u64,
    /// Levels of fields and fragments of the deepest operation.
    pub levels: u64,
    /// Root fields of the operation that has most.
    pub root_fields: u64,
    /// Nesting of introspection lists of the deepest operation.
    pub introspection_list_depth: u64,
    /// `__schema` and `__type` fields of the operation that has most.
    pub introspections: u64,
    /// Fragment definitions.
    pub fragments: u64,
    /// Selections and spreads visited to learn all this: the work done, linear in the document.
    pub steps: u64,
}

/// Sums of one definition with all that its spreads stand for.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    fields: u64,
    directives: u64,
    aliases: u64,
    depth: u64,
    levels: u64,
    root_fields: u64,
    introspections: u64,
    /// Nesting of introspection lists below the `__schema` and `__type` fields that stand in the definition.
    lists: u64,
    /// The same if the definition itself stands below one, as a fragment may.
    lists_within: u64,
}

/// A spread and where it stands in its definition.
struct Spread<'a> {
    fragment: &'a str,
    place: Place,
}

/// The way from a definition down to a selection.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    depth: u64,
    /// Fields and fragments above.
    levels: u64,
    /// Lists above, if an introspection field is above.
    lists: Option<u64>,
    /// Lists above, if all of the definition stood below an introspection field.
    lists_within: u64,
}

struct Definition<'a> {
    totals: Totals,
    spreads: Vec<Spread<'a>>,
}

/// Measures a parsed document and compares it with the limits.
///
/// # Errors
///
/// [`Error::Exceeded`], [`Error::FragmentCycle`].
pub fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<Cost, Error> {
    let mut cost = Cost { fragments: document.fragments.len() as u64, ..Cost::default() };
    bound(Limit::Fragments, cost.fragments, limits.fragments_max)?;
    let fragments = resolve_fragments(document, &mut cost.steps)?;
    for (_, operation) in document.operations.iter() {
        let totals = resolve_operation(&operation.node, &fragments, &mut cost.steps);
        cost.fields = cost.fields.saturating_add(totals.fields);
        cost.directives = cost.directives.saturating_add(totals.directives);
        cost.aliases = cost.aliases.max(totals.aliases);
        cost.depth = cost.depth.max(totals.depth);
        cost.levels = cost.levels.max(totals.levels);
        cost.root_fields = cost.root_fields.max(totals.root_fields);
        cost.introspections = cost.introspections.max(totals.introspections);
        cost.introspection_list_depth = cost.introspection_list_depth.max(totals.lists);
    }
    check(&cost, limits)?;
    Ok(cost)
}

fn check(cost: &Cost, limits: &Limits) -> Result<(), Error> {
    bound(Limit::Aliases, cost.aliases, limits.aliases_max)?;
    bound(Limit::Directives, cost.directives, limits.directives_max)?;
    bound(Limit::RootFields, cost.root_fields, limits.root_fields_max)?;
    bound(Limit::Depth, cost.depth, limits.depth_max)?;
    bound(Limit::IntrospectionListDepth, cost.introspection_list_depth, limits.introspection_list_depth_max)?;
    bound(Limit::Introspections, cost.introspections, limits.introspections_max)?;
    bound(Limit::Fields, cost.fields, limits.fields_max)?;
    bound(Limit::Levels, cost.levels, limits.levels_max)
}

fn resolve_operation(
    operation: &OperationDefinition,
    fragments: &HashMap<&str, Totals>,
    steps: &mut u64,
) -> Totals {
    let mut definition = visit(&operation.selection_set.node, &operation.directives, steps);
    for variable in &operation.variable_definitions {
        definition.totals.directives += variable.node.directives.len() as u64;
    }
    definition.resolve(fragments, steps)
}

/// Sums of every fragment, those without spreads first, then those that spread only finished ones.
///
/// What is left over at the end spreads itself.
fn resolve_fragments<'a>(
    document: &'a ExecutableDocument,
    steps: &mut u64,
) -> Result<HashMap<&'a str, Totals>, Error> {
    let mut waiting: HashMap<&str, (Definition<'_>, usize)> = HashMap::new();
    let mut dependents: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, fragment) in &document.fragments {
        let definition = visit(&fragment.node.selection_set.node, &fragment.node.directives, steps);
        let mut unresolved = 0;
        for spread in definition.spreads.iter().filter(|spread| is_defined(document, spread.fragment)) {
            unresolved += 1;
            dependents.entry(spread.fragment).or_default().push(name.as_str());
        }
        waiting.insert(name.as_str(), (definition, unresolved));
    }

    let mut ready: Vec<&str> =
        waiting.iter().filter(|(_, (_, unresolved))| *unresolved == 0).map(|(name, _)| *name).collect();
    let mut resolved = HashMap::new();
    while let Some(name) = ready.pop() {
        let Some((definition, _)) = waiting.remove(name) else { continue };
        resolved.insert(name, definition.resolve(&resolved, steps));
        for dependent in dependents.remove(name).unwrap_or_default() {
            let Some((_, unresolved)) = waiting.get_mut(dependent) else { continue };
            *unresolved -= 1;
            if *unresolved == 0 {
                ready.push(dependent);
            }
        }
    }
    match find_cycle(&waiting) {
        Some(fragment) => Err(Error::FragmentCycle { fragment: fragment.to_owned() }),
        None => Ok(resolved),
    }
}

fn is_defined(document: &ExecutableDocument, fragment: &str) -> bool {
    document.fragments.contains_key(fragment)
}

/// A fragment of a cycle among those left over. Each of them spreads another one of them.
fn find_cycle<'a>(waiting: &HashMap<&'a str, (Definition<'a>, usize)>) -> Option<&'a str> {
    let mut at = *waiting.keys().min()?;
    let mut passed = vec![at];
    loop {
        let next = waiting.get(at)?.0.spreads.iter().map(|spread| spread.fragment);
        at = next.into_iter().find(|fragment| waiting.contains_key(fragment))?;
        if passed.contains(&at) {
            return Some(at);
        }
        passed.push(at);
    }
}

impl Definition<'_> {
    /// Adds what each spread stands for. Unknown fragments count nothing: validation refuses them.
    fn resolve(&self, fragments: &HashMap<&str, Totals>, steps: &mut u64) -> Totals {
        let mut sum = self.totals;
        for Spread { fragment, place } in &self.spreads {
            *steps += 1;
            let Some(spread) = fragments.get(fragment) else { continue };
            sum.fields = sum.fields.saturating_add(spread.fields);
            sum.directives = sum.directives.saturating_add(spread.directives);
            sum.aliases = sum.aliases.saturating_add(spread.aliases);
            sum.introspections = sum.introspections.saturating_add(spread.introspections);
            sum.depth = sum.depth.max(place.depth + spread.depth);
            sum.levels = sum.levels.max(place.levels + 1 + spread.levels);
            if place.depth == 0 {
                sum.root_fields = sum.root_fields.saturating_add(spread.root_fields);
            }
            let lists = place.lists.map_or(spread.lists, |above| above + spread.lists_within);
            sum.lists = sum.lists.max(lists);
            sum.lists_within = sum.lists_within.max(place.lists_within + spread.lists_within);
        }
        sum
    }

    fn enter_field(&mut self, field: &Field, place: Place) -> Place {
        let name = field.name.node.as_str();
        let is_list = INTROSPECTION_LISTS.contains(&name);
        let is_introspection = matches!(name, "__schema" | "__type");
        let within = Place {
            depth: place.depth + 1,
            levels: place.levels + 1,
            lists: match place.lists {
                Some(lists) => Some(lists + u64::from(is_list)),
                None => is_introspection.then_some(0),
            },
            lists_within: place.lists_within + u64::from(is_list),
        };
        let totals = &mut self.totals;
        totals.aliases += u64::from(field.alias.is_some());
        totals.introspections += u64::from(is_introspection);
        totals.root_fields += u64::from(place.depth == 0);
        totals.depth = totals.depth.max(within.depth);
        totals.levels = totals.levels.max(within.levels);
        totals.lists = totals.lists.max(within.lists.unwrap_or(0));
        totals.lists_within = totals.lists_within.max(within.lists_within);
        within
    }
}

/// Visits the selections of one definition, each once, with a stack of its own.
fn visit<'a>(
    selections: &'a SelectionSet,
    directives: &[Positioned<Directive>],
    steps: &mut u64,
) -> Definition<'a> {
    let totals = Totals { directives: directives.len() as u64, ..Totals::default() };
    let mut definition = Definition { totals, spreads: Vec::new() };
    let mut stack = vec![(selections, Place::default())];
    while let Some((set, place)) = stack.pop() {
        for selection in &set.items {
            *steps += 1;
            definition.totals.fields += 1;
            definition.totals.directives += selection.node.directives().len() as u64;
            match &selection.node {
                Selection::Field(field) => {
                    let within = definition.enter_field(&field.node, place);
                    stack.push((&field.node.selection_set.node, within));
                }
                Selection::InlineFragment(fragment) => {
                    let within = Place { levels: place.levels + 1, ..place };
                    definition.totals.levels = definition.totals.levels.max(within.levels);
                    stack.push((&fragment.node.selection_set.node, within));
                }
                Selection::FragmentSpread(spread) => {
                    let fragment: &Name = &spread.node.fragment_name.node;
                    definition.spreads.push(Spread { fragment: fragment.as_str(), place });
                }
            }
        }
    }
    definition
}
