//! Lengths of time as people write them: `500ms`, `10s`, `1h30m`.

use std::{fmt, str::FromStr, time::Duration};

use serde::Deserialize;

/// A length of time that was written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Length(pub(crate) Duration);

/// Why a string is not a valid length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    text: String,
    fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Blank,
    NoNumber,
    NoUnit,
    Fraction,
    Negative,
    UnknownUnit(String),
    OutOfOrder(&'static str),
    TooLong,
}

/// The longest first: parts must come in this order, each at most once.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A hundred years: lengths are added to instants, which must not overflow.
const LONGEST_MS: u64 = 100 * 365 * UNITS[0].1;

impl Length {
    /// The same in ISO 8601, which the API takes: `PT1.5S`.
    pub(crate) fn to_iso8601(self) -> String {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        if millis == 0 {
            return format!("PT{seconds}S");
        }
        let fraction = format!("{millis:03}");
        format!("PT{seconds}.{}S", fraction.trim_end_matches('0'))
    }
}

impl FromStr for Length {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse(text).map(Self).map_err(|fault| Malformed { text: text.to_owned(), fault })
    }
}

impl TryFrom<String> for Length {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest_ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest_ms == 0 {
            return f.write_str("0s");
        }
        for (unit, unit_ms) in UNITS {
            let count = rest_ms / unit_ms;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                rest_ms %= unit_ms;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::Blank => write!(f, "a length of time is missing; write one such as `10s`"),
            Fault::NoNumber => {
                write!(f, "`{}` is not a valid length of time; write one such as `10s` or `1h30m`", self.text)
            }
            Fault::NoUnit => write!(f, "`{}` lacks a unit; known are: d, h, m, s, ms", self.text),
            Fault::Fraction => {
                write!(f, "`{}` has a fraction; write whole numbers, such as `1s500ms` or `1h30m`", self.text)
            }
            Fault::Negative => write!(f, "`{}` is negative; write one such as `10s` or `1h30m`", self.text),
            Fault::UnknownUnit(unit) => {
                write!(f, "unknown unit `{unit}` in `{}`; known are: d, h, m, s, ms", self.text)
            }
            Fault::OutOfOrder(unit) => {
                write!(
                    f,
                    "`{unit}` is out of place in `{}`; units go from long to short, once each",
                    self.text
                )
            }
            Fault::TooLong => write!(f, "`{}` is longer than a hundred years", self.text),
        }
    }
}

impl std::error::Error for Malformed {}

fn parse(text: &str) -> Result<Duration, Fault> {
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return Err(Fault::Blank);
    }
    let mut total_ms = 0_u64;
    let mut units = UNITS.as_slice();
    while !rest.is_empty() {
        let (count, after) = split_while(rest, |character| character.is_ascii_digit());
        if count.is_empty() {
            return Err(if rest.starts_with('-') { Fault::Negative } else { Fault::NoNumber });
        }
        if after.starts_with(['.', ',']) {
            return Err(Fault::Fraction);
        }
        let (unit, after) =
            split_while(after, |character| !character.is_ascii_digit() && !character.is_whitespace());
        let at = find_unit(unit, units)?;
        total_ms = count
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(units[at].1))
            .and_then(|part_ms| total_ms.checked_add(part_ms))
            .filter(|total_ms| *total_ms <= LONGEST_MS)
            .ok_or(Fault::TooLong)?;
        units = &units[at + 1..];
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !belongs(character)).unwrap_or(text.len()))
}

fn find_unit(unit: &str, allowed: &[(&'static str, u64)]) -> Result<usize, Fault> {
    if let Some(at) = allowed.iter().position(|(name, _)| *name == unit) {
        return Ok(at);
    }
    match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((name, _)) => Err(Fault::OutOfOrder(name)),
        None if unit.is_empty() => Err(Fault::NoUnit),
        None => Err(Fault::UnknownUnit(unit.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_the_sum_of_its_parts() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            (" 1d  1ms ", 86_400_001),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Length(Duration::from_millis(millis))), "{text}");
        }
    }

    #[test]
    fn a_wrong_length_is_refused_with_its_fault() {
        for (text, fault) in [
            ("", "is missing"),
            ("ten", "is not a valid length of time"),
            ("-1s", "is negative"),
            (".5s", "is not a valid length of time"),
            ("10", "lacks a unit"),
            ("10x", "unknown unit `x`"),
            ("1.5s", "`1.5s` has a fraction; write whole numbers, such as `1s500ms`"),
            ("1h0,5m", "has a fraction"),
            ("30m1h", "`h` is out of place"),
            ("1s1s", "`s` is out of place"),
            ("36501d", "longer than a hundred years"),
            ("99999999999999999999d", "longer than a hundred years"),
        ] {
            let error = text.parse::<Length>().unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
    }

    #[test]
    fn a_length_is_shown_as_it_is_written_and_sent_as_iso_8601() {
        for (text, iso) in [
            ("1h30m", "PT5400S"),
            ("1s500ms", "PT1.5S"),
            ("5ms", "PT0.005S"),
            ("0s", "PT0S"),
            ("2d", "PT172800S"),
        ] {
            let length: Length = text.parse().unwrap();
            assert_eq!(length.to_string(), text);
            assert_eq!(length.to_iso8601(), iso);
        }
    }
}
