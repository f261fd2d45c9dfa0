//! Documents made ready for execution: guarded, parsed and judged once, the operation found, its variables coerced.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Extensions, Name, Positioned, Request, ServerError, Variables};
use async_graphql_value::{ConstValue, Value};

use crate::exact::Exact;

use super::error::RequestError;
use super::guard::{self, Limits};
use super::options::DocumentsOptions;
use super::params::{self, Params};
use super::validation::{Schema, Verdict, lift_root, operations_mut, repeat_conditions};

/// A request with its parsed document in it.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) operation_type: OperationType,
}

/// Guards, parses and judges documents, keeping the valid ones.
///
/// The cache has two generations: a full young one becomes the old one, and what is found in the old one
/// comes back. So what is in use stays without a list of uses, and both are bounded.
pub(super) struct Documents {
    rules: Schema,
    limits: Limits,
    options: DocumentsOptions,
    cache: Mutex<Cache>,
}

/// A valid document.
#[derive(Debug)]
struct Judged {
    document: ExecutableDocument,
    verdict: Verdict,
}

/// Judges requests without executing them, exactly as the transports do.
pub struct Judge(Documents);

impl Judge {
    /// A judge with the rules of a schema.
    #[must_use]
    pub fn new(rules: Schema, limits: Limits) -> Self {
        Self(Documents::new(rules, limits, DocumentsOptions::default()))
    }

    /// Takes the variables as JSON text, and returns them as the executor gets them, as JSON text too.
    ///
    /// # Errors
    ///
    /// When the document or the variables are not valid.
    pub fn judge(
        &self,
        document: &str,
        operation_name: Option<&str>,
        variables: &str,
    ) -> Result<String, Vec<ServerError>> {
        let refused = |error: params::Error| vec![error.into_server_error()];
        let variables = params::variables("variables", variables).map_err(refused)?;
        let (query, operation_name) = (document.to_owned(), operation_name.map(str::to_owned));
        let extensions = Extensions::default();
        let prepared = self.0.prepare(Params { query, operation_name, variables, extensions });
        let variables = prepared.map_err(RequestError::into_server_errors)?.request.variables.into_value();
        Ok(serde_json::to_string(&Exact(&variables)).expect("JSON comes out as it went in"))
    }
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

type Texts = HashMap<Box<str>, Arc<Judged>>;

#[derive(Default)]
struct Cache {
    young: Texts,
    /// Bytes of the texts of the young ones.
    young_bytes: usize,
    old: Texts,
}

impl Documents {
    pub(super) fn new(rules: Schema, limits: Limits, options: DocumentsOptions) -> Self {
        Self { rules, limits, options, cache: Mutex::default() }
    }

    /// Makes a request ready, or tells why it cannot be executed.
    pub(super) fn prepare(&self, mut params: Params) -> Result<Prepared, RequestError> {
        let judged = self.judge(&params.query)?;
        let operation = find_operation(&judged.document, params.operation_name.as_deref())?;
        let given = std::mem::take(&mut params.variables);
        params.variables = self.rules.coerce(&operation.node, given).map_err(RequestError::Invalid)?;
        judged.verdict.check_nulls(operation, &params.variables).map_err(RequestError::Invalid)?;
        let operation_type = operation.node.ty;
        let absent = absent(&operation.node, &params.variables);
        let mut document = judged.document.clone();
        leave_out(&mut document, &absent, &params.variables);
        if operation_type == OperationType::Subscription {
            lift_root(&mut document, params.operation_name.as_deref());
        }
        let mut request = params.into_request();
        request.set_parsed_query(document);
        Ok(Prepared { request, operation_type })
    }

    fn judge(&self, text: &str) -> Result<Arc<Judged>, RequestError> {
        let is_kept = text.len() <= self.options.cached_bytes_max && self.options.cached_max > 0;
        if is_kept && let Some(judged) = self.lock().get(text, &self.options) {
            return Ok(judged);
        }
        let (mut document, _) = guard::parse(text, &self.limits)?;
        let verdict = self.rules.validate(&document).map_err(RequestError::Invalid)?;
        self.rules.settle_numbers(&mut document);
        repeat_conditions(&mut document);
        let judged = Arc::new(Judged { document, verdict });
        if is_kept {
            self.lock().insert(text.into(), judged.clone(), &self.options);
        }
        Ok(judged)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        // Nothing is half done if a holder panics: at worst a document is parsed again.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn get(&mut self, text: &str, options: &DocumentsOptions) -> Option<Arc<Judged>> {
        if let Some(judged) = self.young.get(text) {
            return Some(judged.clone());
        }
        let (text, judged) = self.old.remove_entry(text)?;
        self.insert(text, judged.clone(), options);
        Some(judged)
    }

    fn insert(&mut self, text: Box<str>, judged: Arc<Judged>, options: &DocumentsOptions) {
        let is_full = self.young.len() >= options.cached_max.div_ceil(2)
            || self.young_bytes + text.len() > options.cached_total_bytes_max / 2;
        if is_full {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += text.len();
        self.young.insert(text, judged);
    }
}

fn find_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, RequestError> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => {
            return Err(RequestError::OperationNameRequired { known: operation_names(document) });
        }
    };
    operation.ok_or_else(|| RequestError::UnknownOperation {
        name: name.unwrap_or_default().chars().take(NAME_MAX).collect(),
        known: operation_names(document),
    })
}

/// The names of the operations, sorted.
fn operation_names(document: &ExecutableDocument) -> Vec<String> {
    let mut names: Vec<String> =
        document.operations.iter().filter_map(|(name, _)| Some(name?.to_string())).collect();
    names.sort();
    names
}

/// The variables that have no value: neither given nor by default.
fn absent(operation: &OperationDefinition, variables: &Variables) -> HashSet<Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let absent = definitions
        .filter(|variable| variable.default_value.is_none() && !variables.contains_key(&variable.name.node));
    absent.map(|variable| variable.name.node.clone()).collect()
}

/// Takes arguments out whose variable has no value, as if they had not been written. The executor would take null
/// for them instead of their default.
///
/// It would also refuse null for `includeDeprecated`, whose type allows it, and for which null is as good as none.
fn leave_out(document: &mut ExecutableDocument, absent: &HashSet<Name>, given: &Variables) {
    let is_null = |value: &Value| match value {
        Value::Null => true,
        Value::Variable(name) => given.get(name).is_some_and(|value| *value == ConstValue::Null),
        _ => false,
    };
    let is_left_out = |field: &str, argument: &str, value: &Value| {
        matches!(value, Value::Variable(name) if absent.contains(name))
            || (INTROSPECTION_LISTS.contains(&field) && argument == "includeDeprecated" && is_null(value))
    };
    for operation in operations_mut(document) {
        leave_out_within(&mut operation.selection_set.node, &is_left_out);
    }
    for fragment in document.fragments.values_mut() {
        leave_out_within(&mut fragment.node.selection_set.node, &is_left_out);
    }
}

fn leave_out_within(set: &mut SelectionSet, is_left_out: &dyn Fn(&str, &str, &Value) -> bool) {
    let mut stack = vec![set];
    while let Some(set) = stack.pop() {
        for selection in &mut set.items {
            match &mut selection.node {
                Selection::Field(field) => {
                    let name = &field.node.name.node;
                    field
                        .node
                        .arguments
                        .retain(|(argument, value)| !is_left_out(name, &argument.node, &value.node));
                    stack.push(&mut field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => stack.push(&mut fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
}

/// The fields of introspection that take `includeDeprecated`.
const INTROSPECTION_LISTS: [&str; 4] = ["args", "enumValues", "fields", "inputFields"];

/// How much of an unknown name is said back.
const NAME_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(documents: &Documents) -> usize {
        let cache = documents.lock();
        cache.young.len() + cache.old.len()
    }

    fn documents(cached_max: usize, cached_total_bytes_max: usize) -> Documents {
        let rules = Schema::parse("type Query { a: Int hot: Int }").expect("a schema");
        let options = DocumentsOptions { cached_max, cached_bytes_max: 64, cached_total_bytes_max };
        Documents::new(rules, Limits::default(), options)
    }

    #[test]
    fn the_cache_stays_within_its_bounds_and_keeps_what_is_in_use() {
        for (cached_max, bytes) in [(4, 10_000), (10_000, 60)] {
            let documents = documents(cached_max, bytes);
            let hot = documents.judge("{ hot }").expect("valid");
            for n in 0..100 {
                documents.judge(&format!("{{ f{n:02}: a }}")).expect("valid");
                let again = documents.judge("{ hot }").expect("valid");
                assert!(Arc::ptr_eq(&hot, &again), "evicted at {n}");
                assert!(cached(&documents) <= 6, "{}", cached(&documents));
            }
        }
    }

    #[test]
    fn refused_and_long_documents_are_not_kept() {
        let documents = documents(4, 10_000);
        assert!(documents.judge("{").is_err());
        assert!(documents.judge("{ b }").is_err());
        assert!(documents.judge(&format!("{{ {} }}", "a ".repeat(40))).is_ok());
        assert_eq!(cached(&documents), 0);
        assert!(documents.judge("{ b }").is_err());
    }

    #[test]
    fn operations_are_found_by_name() {
        let (document, _) = guard::parse("query A { a } query B { b }", &Limits::default()).expect("valid");
        let known = vec!["A".to_owned(), "B".to_owned()];
        assert!(find_operation(&document, Some("A")).is_ok());
        assert_eq!(
            find_operation(&document, Some("C")).err(),
            Some(RequestError::UnknownOperation { name: "C".to_owned(), known: known.clone() })
        );
        assert_eq!(
            find_operation(&document, None).err(),
            Some(RequestError::OperationNameRequired { known })
        );
    }
}
