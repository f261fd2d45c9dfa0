use std::fmt;

use figment::error::Kind as Fault;

use super::{Key, Kind};

/// What is wrong with the configuration: one line a fault, each naming the key, where its value comes from and
/// what may stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    faults: Vec<String>,
}

impl Error {
    pub(super) fn new(faults: Vec<String>) -> Self {
        Self { faults }
    }

    /// One fault.
    pub(crate) fn one(fault: impl Into<String>) -> Self {
        Self { faults: vec![fault.into()] }
    }

    /// A key that the command needs and nothing sets.
    pub(crate) fn missing(path: &str, remedy: &str) -> Self {
        Self::one(format!("`{path}` is not set; {remedy}"))
    }
}

impl From<figment::Error> for Error {
    fn from(errors: figment::Error) -> Self {
        Self { faults: errors.into_iter().map(|error| describe(&error)).collect() }
    }
}

fn describe(error: &figment::Error) -> String {
    let path = error.path.join(".");
    let source = error.metadata.as_ref().map_or("an unknown source", |metadata| metadata.name.as_ref());
    // A list item has its number in the path.
    let key = Key::find(&path).or_else(|| Key::find(path.rsplit_once('.').map_or("", |(list, _)| list)));
    let Some(key) = key else { return format!("`{path}` (from {source}) is not valid: {}", error.kind) };
    let fault = match &error.kind {
        Fault::Message(message) => message.clone(),
        // What was found may be a secret in a wrong place.
        Fault::InvalidType(..) | Fault::InvalidValue(..)
            if key.kind != Kind::Secret && key.kind != Kind::Url =>
        {
            found(&error.kind)
        }
        _ => "it has another type".to_owned(),
    };
    format!("`{}` (from {source}) is not valid: {fault}; it must be {}", key.path, key.allowed)
}

fn found(fault: &Fault) -> String {
    match fault {
        Fault::InvalidType(actual, _) | Fault::InvalidValue(actual, _) => format!("it is {actual}"),
        other => other.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.faults.join("\n"))
    }
}

impl std::error::Error for Error {}
