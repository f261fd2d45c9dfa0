//! What `ctutor config` prints.

use figment::value::Value;
use serde_json::{Map, json};

use super::{Config, KEYS, Key, Kind, Loaded, mask};

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
            Kind::List => self.config.list(key.path).unwrap_or_else(|| plain(&value)),
            Kind::Text | Kind::Number => plain(&value),
        })
    }
}

impl Config {
    /// The items of a list that are not in force as they were written: origins as browsers write them, names without
    /// blanks around them, queues once.
    fn list(&self, path: &str) -> Option<serde_json::Value> {
        Some(match path {
            "api.cors_origins" => self.api.cors_origins.iter().map(ToString::to_string).collect(),
            "api.user_may_start" => self.api.user_may_start.iter().cloned().collect(),
            "worker.task_queues" => self.worker.task_queues.iter().map(ToString::to_string).collect(),
            _ => return None,
        })
    }
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::String(_, text) => text.trim().into(),
        Value::Num(_, number) => number.to_i128().and_then(|number| i64::try_from(number).ok()).into(),
        Value::Array(_, items) => items.iter().map(plain).collect(),
        _ => serde_json::Value::Null,
    }
}
