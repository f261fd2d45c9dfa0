use figment::value::Value;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// Strings; separated by commas in the environment.
    List,
    /// A URL whose password is never shown.
    Url,
    /// A string that is never shown.
    Secret,
}

impl Kind {
    /// Reads the text of a variable or a flag. What is not a number stays a string, so that the check names it.
    pub(super) fn read(self, text: &str) -> Value {
        match self {
            Self::Number => text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            Self::List => Value::from(text.split(',').map(Value::from).collect::<Vec<_>>()),
            Self::Text | Self::Url | Self::Secret => Value::from(text),
        }
    }
}
