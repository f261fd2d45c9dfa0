use std::time::Duration;

use serde::Deserialize;

use super::Length;

/// A day.
pub(super) const DAY_SECONDS: u64 = 24 * 3_600;

/// With room for a slow network, less than the silence after which our own command line takes a stream for dead.
pub(super) const KEEP_ALIVE_SECONDS_MAX: u64 = 30;

/// A length of time after which something is given up: not zero, and at most so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Timeout<const SECONDS_MAX: u64 = DAY_SECONDS>(pub(crate) Duration);

impl<const SECONDS_MAX: u64> TryFrom<String> for Timeout<SECONDS_MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length: Length = text.parse().map_err(|error: super::length::Malformed| error.to_string())?;
        match length.0 {
            Duration::ZERO => Err(format!("`{text}` is zero")),
            length if length > Duration::from_secs(SECONDS_MAX) => {
                let longest = if SECONDS_MAX == DAY_SECONDS {
                    "a day".to_owned()
                } else {
                    format!("`{}`", Length(Duration::from_secs(SECONDS_MAX)))
                };
                Err(format!("`{text}` is longer than {longest}"))
            }
            length => Ok(Self(length)),
        }
    }
}
