//! What `ctutor config` prints.

use figment::value::Value;
use serde_json::{Map, json};

use super::{KEYS, Key, Kind, Loaded, mask};

impl Loaded {
    /// The values in force as TOML, each with its source behind it.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut current = None;
        for key in KEYS.iter() {
            let (section, name) = key.section_and_name();
            if section != current {
                current = section;
                text += &format!("\n[{}]\n", section.unwrap_or_default());
            }
            let line = match (self.shown(key), self.source(key.path)) {
                (Some(value), Some(source)) => format!("{name} = {value}  # {source}\n"),
                _ => format!("#{name} is not set\n"),
            };
            text += &line;
        }
        text
    }

    /// The values in force as JSON, by their paths.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let entries = KEYS.iter().map(|key| {
            let source = self.source(key.path).map(ToString::to_string);
            (key.path.to_owned(), json!({"value": self.shown(key), "source": source}))
        });
        entries.collect::<Map<_, _>>().into()
    }

    /// The value of a key as it may be shown. Texts, numbers and lists look the same in TOML and JSON.
    fn shown(&self, key: &Key) -> Option<serde_json::Value> {
        let value = self.figment.find_value(key.path).ok()?;
        Some(match key.kind {
            Kind::Secret => mask::MASK.into(),
            Kind::Url => mask::url(value.as_str()?).into(),
            Kind::Text | Kind::Number | Kind::List => plain(&value),
        })
    }
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::String(_, text) => text.as_str().into(),
        Value::Num(_, number) => number.to_i128().and_then(|number| i64::try_from(number).ok()).into(),
        Value::Array(_, items) => items.iter().map(plain).collect(),
        _ => serde_json::Value::Null,
    }
}
