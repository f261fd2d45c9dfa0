use std::fmt;

use figment::error::{Actual, Kind as Fault};

use super::{Key, Kind, near};

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
        Fault::InvalidType(Actual::Str(text), _) if key.kind == Kind::Number && begins_as_number(text) => {
            format!("it is string {text:?}{}", remedy_of_number(bare(text)))
        }
        Fault::Message(message) => message.clone(),
        // What was found may be a secret in a wrong place.
        Fault::InvalidType(..) | Fault::InvalidValue(..)
            if key.kind != Kind::Secret && key.kind != Kind::Url =>
        {
            found(&error.kind)
        }
        Fault::UnknownVariant(word, known) => {
            format!("the word `{word}` is unknown{}", near::question(word, known.iter().copied()))
        }
        _ => "it has another type".to_owned(),
    };
    of_key(key, source, &fault)
}

/// A fault of the value of a key.
fn of_key(key: &Key, source: &str, fault: &str) -> String {
    format!("`{}` (from {source}) is not valid: {fault}; it must be {}", key.path, key.allowed)
}

fn begins_as_number(text: &str) -> bool {
    bare(text).starts_with(|character: char| character.is_ascii_digit())
}

/// Without the quotes that an environment variable may have in its value.
fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// What to write instead of a text that begins as a number.
fn remedy_of_number(text: &str) -> &'static str {
    let is_of = |more: &[char]| text.chars().all(|c| c.is_ascii_digit() || more.contains(&c));
    if text.parse::<u64>().is_ok() {
        ", a number in quotes; write it without them"
    } else if is_of(&[]) {
        ", which is too large"
    } else if is_of(&['_', ',', '\'', ' ']) {
        ", with separators; write the digits alone"
    } else if text.parse::<f64>().is_ok() {
        ", which is no whole number in digits; write it in digits alone"
    } else {
        ", with a unit; write the number alone"
    }
}

fn found(fault: &Fault) -> String {
    match fault {
        Fault::InvalidType(actual, _) | Fault::InvalidValue(actual, _) => format!("it is {}", plain(actual)),
        other => other.to_string(),
    }
}

/// A value in the words of TOML.
fn plain(actual: &Actual) -> String {
    match actual {
        Actual::Bool(value) => format!("the boolean {value}"),
        Actual::Unsigned(value) => format!("the integer {value}"),
        Actual::Signed(value) => format!("the integer {value}"),
        Actual::Float(value) => format!("the float {value}"),
        Actual::Seq => "an array".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.faults.join("\n"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Flags, Loaded, layer::Layer};

    #[test]
    fn a_value_of_another_kind_is_told_in_plain_words() {
        for (file, told) in [
            ("graphql.introspection = 'on'", "the word `on` is unknown; it must be `enabled` or `disabled`"),
            ("log.format = 'yaml'", "the word `yaml` is unknown; it must be `text` or `json`"),
            ("graphql.introspection = 'enable'", "`enable` is unknown; did you mean `enabled`?; it must be"),
            ("log.filter = 5", "it is the integer 5;"),
            ("log.filter = true", "it is the boolean true;"),
            ("worker.concurrency = 1.5", "it is the float 1.5;"),
            ("worker.concurrency = []", "it is an array;"),
        ] {
            let layers = vec![Layer::of_defaults(), Layer::of_text(file, "ctutor.toml".into()).unwrap()];
            let error = Loaded::of_layers(layers, Environment::from([]), Flags::default()).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
