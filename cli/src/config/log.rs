use serde::Deserialize;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// `[log]`: what is written to stderr, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// Which lines are written.
    pub(crate) filter: Filter,
    /// Format of the lines.
    pub(crate) format: Format,
}

/// Directives that were checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Filter(String);

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Filter {
    /// The filter that the directives describe.
    pub(crate) fn to_env_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("it is blank".to_owned());
        }
        // Such a word would be the name of a part of the program, and everything else would be silent.
        let is_no_level = |word: &&str| {
            word.chars().all(|letter| letter.is_ascii_alphanumeric()) && word.parse::<LevelFilter>().is_err()
        };
        if let Some(word) = text.split(',').map(str::trim).filter(|word| !word.is_empty()).find(is_no_level) {
            return Err(format!(
                "`{word}` is no level; levels are `error`, `warn`, `info`, `debug`, `trace` and `off`, and a part of the \
                 program has one of its own as in `sqlx=debug`"
            ));
        }
        EnvFilter::try_new(&text).map_err(|error| format!("`{text}` has {error}"))?;
        Ok(Self(text))
    }
}
