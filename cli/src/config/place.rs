use std::{
    fmt, ops,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The path of a file or folder, as configured. A relative one starts at the working directory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Place(PathBuf);

/// A path that means the same wherever the process was started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AbsolutePlace(PathBuf);

/// Why a string is no such path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Blank,
    /// Such as the line end of a file that it was read from.
    Control,
    Relative(String),
}

impl TryFrom<String> for Place {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        match text {
            text if text.trim().is_empty() => Err(Fault::Blank),
            text if text.chars().any(char::is_control) => Err(Fault::Control),
            text => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for AbsolutePlace {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        match Place::try_from(text)?.0 {
            path if path.is_absolute() => Ok(Self(path)),
            path => Err(Fault::Relative(path.display().to_string())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("it is blank"),
            Self::Control => f.write_str("it has a control character, such as a line end"),
            Self::Relative(path) => write!(f, "`{path}` is relative; write the whole path, from `/` on"),
        }
    }
}

impl ops::Deref for Place {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl ops::Deref for AbsolutePlace {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}
