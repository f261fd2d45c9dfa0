//! Documents made ready for execution: guarded, parsed once, the operation found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, Value, Variables};

use super::error::RequestError;
use super::guard::{self, Limits};
use super::options::DocumentsOptions;
use super::params::Params;

/// A request with its parsed document in it.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) operation_type: OperationType,
}

/// Guards and parses documents, keeping those that were let through.
///
/// The cache has two generations: a full young one becomes the old one, and what is found in the old one
/// comes back. So what is in use stays without a list of uses, and both are bounded.
pub(super) struct Documents {
    limits: Limits,
    options: DocumentsOptions,
    cache: Mutex<Cache>,
}

type Texts = HashMap<Box<str>, Arc<ExecutableDocument>>;

#[derive(Default)]
struct Cache {
    young: Texts,
    old: Texts,
}

impl Documents {
    pub(super) fn new(limits: Limits, options: DocumentsOptions) -> Self {
        Self { limits, options, cache: Mutex::default() }
    }

    /// Makes a request ready, or tells why it cannot be executed.
    pub(super) fn prepare(&self, params: Params) -> Result<Prepared, RequestError> {
        let document = self.parse(&params.query)?;
        let operation = find_operation(&document, params.operation_name.as_deref())?;
        let operation_type = operation.ty;
        if operation_type == OperationType::Subscription && !has_single_root(operation) {
            return Err(RequestError::SubscriptionRoot);
        }
        check_required_variables(operation, &params.variables)?;
        let mut request = params.into_request();
        request.set_parsed_query(Arc::unwrap_or_clone(document));
        Ok(Prepared { request, operation_type })
    }

    fn parse(&self, text: &str) -> Result<Arc<ExecutableDocument>, RequestError> {
        let is_kept = text.len() <= self.options.cached_bytes_max && self.options.cached_max > 0;
        if is_kept && let Some(document) = self.lock().get(text, self.generation_max()) {
            return Ok(document);
        }
        let (document, _) = guard::parse(text, &self.limits)?;
        let document = Arc::new(document);
        if is_kept {
            self.lock().insert(text.into(), document.clone(), self.generation_max());
        }
        Ok(document)
    }

    fn generation_max(&self) -> usize {
        self.options.cached_max.div_ceil(2)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        // Nothing is half done if a holder panics: at worst a document is parsed again.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn get(&mut self, text: &str, generation_max: usize) -> Option<Arc<ExecutableDocument>> {
        if let Some(document) = self.young.get(text) {
            return Some(document.clone());
        }
        let (text, document) = self.old.remove_entry(text)?;
        self.insert(text, document.clone(), generation_max);
        Some(document)
    }

    fn insert(&mut self, text: Box<str>, document: Arc<ExecutableDocument>, generation_max: usize) {
        if self.young.len() >= generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, document);
    }
}

fn find_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, RequestError> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => return Err(RequestError::OperationNameRequired),
    };
    let unknown =
        || RequestError::UnknownOperation(name.unwrap_or_default().chars().take(NAME_MAX).collect());
    operation.map(|operation| &operation.node).ok_or_else(unknown)
}

/// The executor meets a missing variable only at the field that uses it, after others may have run.
fn check_required_variables(
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), RequestError> {
    for variable in operation.variable_definitions.iter().map(|variable| &variable.node) {
        let name = &variable.name.node;
        let is_optional = variable.var_type.node.nullable;
        let is_given = match variables.get(name) {
            Some(value) => is_optional || *value != Value::Null,
            None => is_optional || variable.default_value.is_some(),
        };
        if !is_given {
            let variable_type = variable.var_type.node.to_string();
            return Err(RequestError::VariableRequired { name: name.to_string(), variable_type });
        }
    }
    Ok(())
}

/// How much of an unknown name is said back.
const NAME_MAX: usize = 100;

/// The specification wants one root field. The executor would run several and overlook those in fragments.
fn has_single_root(operation: &OperationDefinition) -> bool {
    let items = &operation.selection_set.node.items;
    items.len() == 1 && items.iter().all(|selection| matches!(selection.node, Selection::Field(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(documents: &Documents) -> usize {
        let cache = documents.lock();
        cache.young.len() + cache.old.len()
    }

    fn documents(cached_max: usize) -> Documents {
        Documents::new(Limits::default(), DocumentsOptions { cached_max, cached_bytes_max: 64 })
    }

    #[test]
    fn the_cache_stays_within_its_bound_and_keeps_what_is_in_use() {
        let documents = documents(4);
        let hot = documents.parse("{ hot }").expect("valid");
        for n in 0..100 {
            documents.parse(&format!("{{ f{n} }}")).expect("valid");
            let again = documents.parse("{ hot }").expect("valid");
            assert!(Arc::ptr_eq(&hot, &again), "evicted at {n}");
            assert!(cached(&documents) <= 4);
        }
    }

    #[test]
    fn refused_and_long_documents_are_not_kept() {
        let documents = documents(4);
        assert!(documents.parse("{").is_err());
        assert!(documents.parse(&format!("{{ {} }}", "a ".repeat(40))).is_ok());
        assert_eq!(cached(&documents), 0);
    }

    #[test]
    fn operations_are_found_by_name() {
        let (document, _) = guard::parse("query A { a } query B { b }", &Limits::default()).expect("valid");
        assert!(find_operation(&document, Some("A")).is_ok());
        assert_eq!(
            find_operation(&document, Some("C")).err(),
            Some(RequestError::UnknownOperation("C".to_owned()))
        );
        assert_eq!(find_operation(&document, None).err(), Some(RequestError::OperationNameRequired));
    }
}
