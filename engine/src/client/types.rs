//! A short-lived cache of the registered workflow types.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use super::{StartError, StartField, WorkflowTypeInfo};
use crate::{
    clock::Timestamp,
    ids::Namespace,
    near,
    payload::strict,
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

struct Check {
    schema: Value,
    validator: Validator,
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
        // The first violation only: a large input may have as many as it has values.
        let Err(error) = check.validator.validate(input) else { return Ok(()) };
        let pointer = error.instance_path().to_string();
        let path =
            pointer.split('/').skip(1).map(|part| strict::shown(&part.replace("~1", "/").replace("~0", "~")));
        Err(StartError::Invalid {
            field: StartField::Input,
            path: path.collect(),
            message: check.message(&error),
        })
    }
}

impl Check {
    fn new(mut schema: Value) -> Option<Self> {
        open_optional(&mut schema);
        let validator = jsonschema::validator_for(&schema).ok()?;
        Some(Self { schema, validator })
    }

    /// What is wrong, without the value, which may be a misplaced secret. A schema may have its own message as
    /// `x-message`; and a pattern is hard to read, so the description replaces it.
    fn message(&self, error: &ValidationError<'_>) -> String {
        let place = error.schema_path().to_string();
        let mut above =
            place.match_indices('/').rev().filter_map(|(end, _)| self.schema.pointer(&place[..end]));
        if let Some(message) = above.clone().find_map(|schema| schema.get("x-message")?.as_str()) {
            return message.to_owned();
        }
        let description = above.next().and_then(|schema| schema.get("description")?.as_str());
        match (error.kind(), description) {
            (ValidationErrorKind::Pattern { .. }, Some(description)) => {
                format!("value does not match its description: {}", one_line(description))
            }
            _ => error.masked().to_string(),
        }
    }
}

/// Rewrites an optional schema from "any of" to "unless it is null", because a violation of "any of" has no path.
fn open_optional(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(open_optional),
        Value::Object(fields) => {
            fields.values_mut().for_each(open_optional);
            let null = serde_json::json!({ "type": "null" });
            let optional =
                fields.get("anyOf").and_then(Value::as_array).and_then(|branches| match &branches[..] {
                    [one, other] if *other == null => Some(one.clone()),
                    [one, other] if *one == null => Some(other.clone()),
                    _ => None,
                });
            if let Some(some) = optional {
                fields.remove("anyOf");
                fields.insert("if".to_owned(), null);
                fields.insert("else".to_owned(), some);
            }
        }
        _ => {}
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: Value, input: &Value) -> Option<(String, String)> {
        let info = WorkflowTypeInfo {
            name: crate::ids::WorkflowType::trusted("t"),
            description: String::new(),
            task_queue: crate::ids::TaskQueue::trusted("q"),
            execution_timeout: None,
            input_schema: schema,
            result_schema: json!(true),
        };
        match KnownType::new(info).check_input(input) {
            Ok(()) => None,
            Err(StartError::Invalid { field: StartField::Input, path, message }) => {
                Some((path.join("."), message))
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_violation_within_something_optional_is_told_where_it_is() {
        let plan = json!({ "type": "object", "properties": { "files": { "items": { "type": "string" } } } });
        let schema = json!({
            "properties": { "plan": { "anyOf": [{ "$ref": "#/$defs/Plan" }, { "type": "null" }] } },
            "$defs": { "Plan": plan },
        });
        let (path, message) = refused(schema.clone(), &json!({ "plan": { "files": ["a", 1] } })).unwrap();
        assert_eq!((path.as_str(), message.as_str()), ("plan.files.1", "value is not of type \"string\""));
        assert_eq!(refused(schema.clone(), &json!({ "plan": null })), None);
        assert_eq!(refused(schema, &json!({ "plan": { "files": ["a"] } })), None);
    }

    #[test]
    fn a_long_key_is_shortened_in_the_path_of_a_violation() {
        let schema = json!({ "additionalProperties": { "type": "integer" } });
        let (path, _) = refused(schema, &json!({ "k".repeat(200_000): "x" })).unwrap();
        assert_eq!(path, format!("{}…", "k".repeat(60)));
    }

    #[test]
    fn a_pattern_is_told_in_the_words_of_the_schema() {
        let url = json!({ "pattern": "^https:", "description": "A URL\nwithout a password." });
        let schema = json!({ "properties": { "url": { "$ref": "#/$defs/Url" } }, "$defs": { "Url": url } });
        let (path, message) = refused(schema, &json!({ "url": "s3cret" })).unwrap();
        assert_eq!(path, "url");
        assert_eq!(message, "value does not match its description: A URL without a password.");
        let (_, message) = refused(json!({ "pattern": "^a" }), &json!("s3cret")).unwrap();
        assert_eq!(message, "value does not match \"^a\"");
    }

    #[test]
    fn a_schema_may_have_words_of_its_own() {
        let bare = json!({ "not": { "pattern": "@" }, "x-message": "it carries a credential" });
        let url = json!({ "allOf": [{ "pattern": "^https:" }, bare], "description": "A URL." });
        let schema = json!({ "properties": { "url": { "$ref": "#/$defs/Url" } }, "$defs": { "Url": url } });
        let (_, message) = refused(schema, &json!({ "url": "https://s3cret@host/" })).unwrap();
        assert_eq!(message, "it carries a credential");
    }
}
