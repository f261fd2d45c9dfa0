use std::time::Duration;

use serde::Deserialize;

use super::Length;

/// The longest.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// A length of time after which something is given up: not zero, and at most a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Timeout(pub(crate) Duration);

impl TryFrom<String> for Timeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length: Length = text.parse().map_err(|error: super::length::Malformed| error.to_string())?;
        match length.0 {
            Duration::ZERO => Err(format!("`{text}` is zero")),
            length if length > LONGEST => Err(format!("`{text}` is longer than a day")),
            length => Ok(Self(length)),
        }
    }
}
