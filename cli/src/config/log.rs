use serde::Deserialize;
use tracing_subscriber::EnvFilter;

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
        EnvFilter::try_new(&text).map_err(|error| format!("`{text}` has {error}"))?;
        Ok(Self(text))
    }
}
