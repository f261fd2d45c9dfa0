//! Where values come from, lowest first.

use std::{fmt, path::Path};

use figment::{
    Metadata, Profile, Provider,
    util::nest,
    value::{Dict, Map, Value},
};

use super::{DEFAULTS, Environment, Error, KEYS, Key, flags::Flag, near};
use crate::file;

/// Where a value comes from. A later variant wins over an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    /// A default that would be too small for the value of another key.
    Raised(&'static str),
    /// A default that would be too large for the value of another key.
    Lowered(&'static str),
    File(String),
    Variable(&'static str),
    Flag(&'static str),
}

impl Source {
    /// Higher wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Default | Self::Raised(_) | Self::Lowered(_) => 0,
            Self::File(_) => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Raised(path) => write!(f, "default, raised for {path}"),
            Self::Lowered(path) => write!(f, "default, lowered for {path}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Values of one source.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) source: Source,
    values: Dict,
}

impl Layer {
    pub(super) fn of_defaults() -> Self {
        let values = toml::from_str(DEFAULTS).expect("a test reads the file of defaults");
        Self { source: Source::Default, values }
    }

    /// The values of a file, whose keys must all be known.
    pub(super) fn of_file(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let fault = file::unreadable(&error);
            Error::one(format!("the configuration file `{shown}` cannot be read: {fault}"))
        })?;
        Self::of_text(&text, shown)
    }

    pub(super) fn of_text(text: &str, shown: String) -> Result<Self, Error> {
        let values: Dict = toml::from_str(text).map_err(|error| {
            // Without the line itself, which may hold a secret.
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Error::one(format!("`{shown}` is not valid TOML at line {line}: {}", error.message()))
        })?;
        let unknown = unknown_keys(&values);
        if unknown.is_empty() {
            return Ok(Self { source: Source::File(shown), values });
        }
        Err(Error::new(unknown.iter().map(|path| unknown_key(path, &shown)).collect()))
    }

    /// The value of a key, if one of its variables is set.
    pub(super) fn of_environment(key: &Key, environment: &Environment) -> Option<Self> {
        let (name, text) = key.env.iter().find_map(|name| Some((*name, environment.get(name)?)))?;
        Some(Self::of_value(Source::Variable(name), key.path, key.kind.read(text)))
    }

    pub(super) fn of_flag(flag: Flag) -> Self {
        Self::of_value(Source::Flag(flag.name), flag.path, flag.value)
    }

    pub(super) fn of_value(source: Source, path: &str, value: Value) -> Self {
        let values = nest(path, value).into_dict().unwrap_or_default();
        Self { source, values }
    }

    /// Whether it gives the key at a path a value.
    pub(super) fn has(&self, path: &str) -> bool {
        let mut values = &self.values;
        let mut rest = path;
        while let Some((section, name)) = rest.split_once('.') {
            let Some(Value::Dict(_, inner)) = values.get(section) else { return false };
            (values, rest) = (inner, name);
        }
        values.contains_key(rest)
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.to_string())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

fn unknown_keys(values: &Dict) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, value) in values {
        match value {
            Value::Dict(_, section) if is_section(name) => {
                let paths = section.keys().map(|inner| format!("{name}.{inner}"));
                unknown.extend(paths.filter(|path| Key::find(path).is_none()));
            }
            _ if Key::find(name).is_none() => unknown.push(name.clone()),
            _ => {}
        }
    }
    unknown
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.section_and_name().0 == Some(name))
}

fn unknown_key(path: &str, shown: &str) -> String {
    let section = path.split_once('.').map(|(section, _)| section);
    if section.is_none() && is_section(path) {
        return format!("`{path}` in `{shown}` is a section: write `[{path}]` on a line of its own");
    }
    let mut known: Vec<&str> = KEYS
        .iter()
        .map(Key::section_and_name)
        .filter(|(of, _)| *of == section)
        .map(|(_, name)| name)
        .collect();
    if section.is_none() {
        let sections = KEYS.iter().filter_map(|key| key.section_and_name().0);
        known.extend(sections);
        known.dedup();
    }
    let meant = near::of_path(path).map_or_else(
        || near::question(path, known.iter().copied()),
        |key| format!("; did you mean `{}`?", key.path),
    );
    let known = known.join(", ");
    match section {
        Some(section) => {
            format!("unknown key `{path}` in `{shown}`{meant}; known in `[{section}]` are: {known}")
        }
        None => format!("unknown key `{path}` in `{shown}`{meant}; known are: {known}"),
    }
}
