use figment::value::Value;

use super::Kind;

/// The values that flags of the command line set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags(Vec<Flag>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Flag {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) value: Value,
}

impl Flags {
    /// Sets the key at a path, if the flag was given.
    pub(crate) fn set(&mut self, path: &'static str, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.push(Flag { path, name, value: value.into() });
        }
    }

    /// Sets the key of a number, whose text is read as that of a variable.
    pub(crate) fn set_number(&mut self, path: &'static str, name: &'static str, text: Option<&str>) {
        self.set(path, name, text.map(|text| Kind::Number.read(text)));
    }

    /// The text that a flag gave a key.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.0.iter().rfind(|flag| flag.path == path)?.value.as_str()
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Flag> {
        self.0.into_iter()
    }
}
