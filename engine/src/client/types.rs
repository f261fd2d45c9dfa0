//! A short-lived cache of the registered workflow types.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::{
    StartError, StartField, WorkflowTypeInfo,
    input_check::{Check, Violation},
};
use crate::{
    clock::Timestamp,
    ids::Namespace,
    near,
    store::{self, Store},
};

/// How long cached types are used before they are read again.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How old they may be while another call reads them again.
const USABLE_FOR: Duration = Duration::from_secs(3);

/// The types of a namespace.
pub(super) struct Types(BTreeMap<String, Arc<KnownType>>);

pub(super) struct KnownType {
    pub(super) info: WorkflowTypeInfo,
    /// `None` if the registered schema is not valid; then the workflow checks its input itself.
    check: Option<Check>,
}

impl Types {
    /// Keeps unchanged types, because compiling a schema takes long.
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

    /// The error for a name that none of them has.
    pub(super) fn unknown(&self, name: &str) -> StartError {
        let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let meant = near::nearest(name, known.iter().copied()).map(str::to_owned);
        let known =
            if known.is_empty() { "none (is a worker running?)".to_owned() } else { known.join(", ") };
        StartError::UnknownType { name: name.to_owned(), meant, known }
    }
}

impl KnownType {
    fn new(info: WorkflowTypeInfo) -> Self {
        let check = Check::new(info.input_schema.clone());
        Self { info, check }
    }

    /// Checks an input against the schema of the type.
    pub(super) fn check_input(&self, input: &Value) -> Result<(), StartError> {
        let Some(check) = &self.check else { return Ok(()) };
        check.violation(input).map_or(Ok(()), |Violation { path, message }| {
            Err(StartError::Invalid { field: StartField::Input, path, message })
        })
    }
}

/// The types, and when they were read.
type Latest = Option<(Timestamp, Arc<Types>)>;

/// Reads the types again when they are too old.
#[derive(Default)]
pub(super) struct TypeCache {
    latest: Mutex<Latest>,
    /// Held by the call that reads; other calls use the cached types meanwhile.
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
        // If there is no type, a worker is probably starting, and its types should be seen at once.
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
