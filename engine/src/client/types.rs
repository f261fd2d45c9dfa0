//! The registered workflow types, kept at hand for a moment.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jsonschema::Validator;

use super::{StartError, WorkflowTypeInfo};
use crate::{
    clock::Timestamp,
    ids::Namespace,
    store::{self, Store},
};

/// How long the types are believed before they are read again.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Most violations of a schema that are told at once.
const VIOLATIONS_MAX: usize = 5;

/// The types of a namespace.
pub(super) struct Types(BTreeMap<String, KnownType>);

pub(super) struct KnownType {
    pub(super) info: WorkflowTypeInfo,
    /// `None` when the registered schema is no valid one: then the workflow's own reading is the check.
    validator: Option<Validator>,
}

impl Types {
    pub(super) fn get(&self, name: &str) -> Option<&KnownType> {
        self.0.get(name)
    }

    /// The names, for a message.
    pub(super) fn names(&self) -> String {
        if self.0.is_empty() {
            return "none (is a worker running?)".to_owned();
        }
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl KnownType {
    /// Checks an input against the schema of the type.
    pub(super) fn check_input(&self, input: &serde_json::Value) -> Result<(), StartError> {
        let Some(validator) = &self.validator else { return Ok(()) };
        let mut errors = validator.iter_errors(input);
        let Some(first) = errors.next() else { return Ok(()) };
        let mut path = vec!["input".to_owned()];
        let pointer = first.instance_path().to_string();
        path.extend(pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")));
        let mut message = first.masked().to_string();
        for error in errors.take(VIOLATIONS_MAX - 1) {
            message.push_str("; ");
            message.push_str(&error.masked().to_string());
        }
        Err(StartError::Invalid { path, message })
    }
}

/// Reads the types when they are not fresh any more.
#[derive(Default)]
pub(super) struct TypeCache(Mutex<Option<(Timestamp, Arc<Types>)>>);

impl TypeCache {
    pub(super) async fn current(
        &self,
        store: &Store,
        namespace: &Namespace,
        now: Timestamp,
    ) -> Result<Arc<Types>, store::Error> {
        if let Some((read_at, types)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && now.since(*read_at) < FRESH_FOR
            && !types.0.is_empty()
        {
            return Ok(types.clone());
        }
        let known = store.workflow_types(namespace).await?;
        let types = Arc::new(Types(
            known
                .into_iter()
                .map(|info| {
                    let validator = jsonschema::validator_for(&info.input_schema).ok();
                    (info.name.to_string(), KnownType { info, validator })
                })
                .collect(),
        ));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, types.clone()));
        Ok(types)
    }
}

impl fmt::Debug for TypeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypeCache")
    }
}
