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
