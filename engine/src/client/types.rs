//! The registered workflow types, kept at hand for a moment.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
/// How old they may be for one who finds another reading them.
const USABLE_FOR: Duration = Duration::from_secs(3);
/// Most violations of a schema that are told at once.
const VIOLATIONS_MAX: usize = 5;

/// The types of a namespace.
pub(super) struct Types(BTreeMap<String, Arc<KnownType>>);

pub(super) struct KnownType {
    pub(super) info: WorkflowTypeInfo,
    /// `None` when the registered schema is no valid one: then the workflow's own reading is the check.
    validator: Option<Validator>,
}

impl Types {
    /// Takes over what has not changed, since schemas take long to prepare.
    fn new(known: Vec<WorkflowTypeInfo>, before: Option<&Self>) -> Self {
        let known_type = |info: WorkflowTypeInfo| {
            let same =
                before.and_then(|before| before.0.get(info.name.as_str())).filter(|same| same.info == info);
            (info.name.to_string(), same.cloned().unwrap_or_else(|| Arc::new(KnownType::new(info))))
        };
        Self(known.into_iter().map(known_type).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&KnownType> {
        self.0.get(name).map(Arc::as_ref)
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
    fn new(info: WorkflowTypeInfo) -> Self {
        let validator = jsonschema::validator_for(&info.input_schema).ok();
        Self { info, validator }
    }

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

/// The types and when they were read.
type Latest = Option<(Timestamp, Arc<Types>)>;

/// Reads the types when they are not fresh any more.
#[derive(Default)]
pub(super) struct TypeCache {
    latest: Mutex<Latest>,
    /// Held by the one who reads; meanwhile the others go on with what is at hand.
    reading: tokio::sync::Mutex<()>,
}

impl TypeCache {
    pub(super) async fn current(
        &self,
        store: &Store,
        namespace: &Namespace,
        now: Timestamp,
    ) -> Result<Arc<Types>, store::Error> {
        let before = self.latest().clone();
        let younger = |latest: &Latest, than| {
            let young = latest.as_ref().filter(|(read_at, _)| now.since(*read_at) < than);
            young.map(|(_, types)| types.clone())
        };
        if let Some(types) = younger(&before, FRESH_FOR) {
            return Ok(types);
        }
        let _reading = match (self.reading.try_lock(), younger(&before, USABLE_FOR)) {
            (Ok(reading), _) => reading,
            (Err(_), Some(types)) => return Ok(types),
            (Err(_), None) => self.reading.lock().await,
        };
        if let Some(types) = younger(&self.latest(), FRESH_FOR) {
            return Ok(types);
        }
        let known = store.workflow_types(namespace).await?;
        let types = Arc::new(Types::new(known, before.as_ref().map(|(_, types)| &**types)));
        // Without any type a worker is about to come, and nobody should wait for it longer than it takes.
        if !types.0.is_empty() {
            *self.latest() = Some((now, types.clone()));
        }
        Ok(types)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TypeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypeCache")
    }
}
