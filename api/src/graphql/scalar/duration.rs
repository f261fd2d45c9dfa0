use std::{fmt, str::FromStr, time};

use async_graphql::{Description, InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A length of time in ISO 8601, such as `PT1.5S`, `PT2H` or `P7D`.
///
/// Years and months have no fixed length and are refused; only seconds may have a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Description)]
pub struct Duration(pub time::Duration);

/// Why a string is not a valid length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not the notation of ISO 8601.
    #[error("expected {FORM}")]
    Malformed,
    /// Years or months.
    #[error(
        "expected weeks, days, hours, minutes or seconds, such as `P30D`: years and months have no fixed length"
    )]
    Calendar,
    /// Longer than can be represented.
    #[error("expected a duration of at most {} seconds, such as `P7D`", u64::MAX)]
    TooLarge,
}

/// What is accepted.
const FORM: &str = "a duration in ISO 8601 that is not negative, such as `PT1.5S`, `PT2H` or `P7D`";

/// How people write units, and the ISO 8601 of one.
const UNITS: [(&[&str], &str, &str); 5] = [
    (&["s", "sec", "second"], "PT", "S"),
    (&["m", "min", "minute"], "PT", "M"),
    (&["h", "hour"], "PT", "H"),
    (&["d", "day"], "P", "D"),
    (&["w", "week"], "P", "W"),
];

const WEEK: u64 = 7 * DAY;
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60;
/// Digits of a fraction that a nanosecond can hold.
const FRACTION_DIGITS: usize = 9;

#[Scalar(
    use_type_description,
    name = "Duration",
    specified_by_url = "https://en.wikipedia.org/wiki/ISO_8601#Durations"
)]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                text.parse().map_err(|error: DurationError| InputValueError::custom(error))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        Self::check(value).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

impl Duration {
    /// Whether a value is one.
    ///
    /// # Errors
    /// What was expected, and the ISO 8601 of what people write in its place.
    pub(in crate::graphql) fn check(value: &Value) -> Result<(), String> {
        let Value::String(text) = value else { return Err(format!("a string with {FORM}")) };
        let Err(error) = text.parse::<Self>() else { return Ok(()) };
        let expected = error.to_string();
        let expected = expected.trim_start_matches("expected ");
        let meant = meant(text).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        Err(format!("{expected}{meant}"))
    }
}

/// The ISO 8601 of a count and a unit as people write them, such as `5 minutes`.
fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let (count, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let unit = unit.trim().to_ascii_lowercase();
    let singular = unit.strip_suffix('s').filter(|singular| !singular.is_empty()).unwrap_or(&unit);
    let (_, before, after) = UNITS.iter().find(|(names, ..)| names.contains(&singular))?;
    let meant = format!("{before}{count}{after}");
    meant.parse::<Duration>().is_ok().then_some(meant)
}

impl From<time::Duration> for Duration {
    fn from(length: time::Duration) -> Self {
        Self(length)
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let body = text.strip_prefix('P').ok_or(DurationError::Malformed)?;
        let (date, time) = match body.split_once('T') {
            Some((_, "")) => return Err(DurationError::Malformed),
            Some((date, time)) => (date, time),
            None => (body, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(DurationError::Malformed);
        }
        if date.contains(['Y', 'M']) {
            return Err(DurationError::Calendar);
        }
        let date = sum(date, &[('W', WEEK), ('D', DAY)])?;
        let time = sum(time, &[('H', HOUR), ('M', MINUTE), ('S', 1)])?;
        date.checked_add(time).map(Self).ok_or(DurationError::TooLarge)
    }
}

/// Adds up numbers with their units, each unit at most once and in this order.
fn sum(mut text: &str, units: &[(char, u64)]) -> Result<time::Duration, DurationError> {
    let mut total = time::Duration::ZERO;
    let mut units = units.iter();
    while !text.is_empty() {
        let end = text.find(|letter: char| letter.is_ascii_alphabetic()).ok_or(DurationError::Malformed)?;
        let (number, rest) = text.split_at(end);
        let (_, seconds) = units.find(|(unit, _)| rest.starts_with(*unit)).ok_or(DurationError::Malformed)?;
        let part = if rest.starts_with('S') { fractional(number)? } else { whole(number, *seconds)? };
        total = total.checked_add(part).ok_or(DurationError::TooLarge)?;
        text = &rest[1..];
    }
    Ok(total)
}

fn whole(number: &str, seconds: u64) -> Result<time::Duration, DurationError> {
    let count = digits(number)?;
    count.checked_mul(seconds).map(time::Duration::from_secs).ok_or(DurationError::TooLarge)
}

fn fractional(number: &str) -> Result<time::Duration, DurationError> {
    let Some((number, fraction)) = number.split_once(['.', ',']) else { return whole(number, 1) };
    if fraction.len() > FRACTION_DIGITS {
        return Err(DurationError::Malformed);
    }
    let zeros = u32::try_from(FRACTION_DIGITS - fraction.len()).unwrap_or(0);
    let nanoseconds = digits(fraction)? * 10_u64.pow(zeros);
    Ok(whole(number, 1)? + time::Duration::from_nanos(nanoseconds))
}

fn digits(text: &str) -> Result<u64, DurationError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError::Malformed);
    }
    text.parse().map_err(|_| DurationError::TooLarge)
}

impl fmt::Display for Duration {
    /// Days, hours, minutes, and seconds with milliseconds: the parts that are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let milliseconds = self.0.subsec_millis();
        if seconds == 0 && milliseconds == 0 {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        write_part(f, seconds / DAY, "D")?;
        if seconds.is_multiple_of(DAY) && milliseconds == 0 {
            return Ok(());
        }
        f.write_str("T")?;
        write_part(f, seconds % DAY / HOUR, "H")?;
        write_part(f, seconds % HOUR / MINUTE, "M")?;
        match (seconds % MINUTE, milliseconds) {
            (seconds, 0) => write_part(f, seconds, "S"),
            (seconds, milliseconds) => {
                let fraction = format!("{milliseconds:03}");
                write!(f, "{seconds}.{}S", fraction.trim_end_matches('0'))
            }
        }
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, count: u64, unit: &str) -> fmt::Result {
    if count == 0 { Ok(()) } else { write!(f, "{count}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(text: &str) -> Result<u128, DurationError> {
        text.parse::<Duration>().map(|length| length.0.as_millis())
    }

    #[test]
    fn lengths_of_iso_8601_are_read() {
        for (text, expected) in [
            ("PT0S", 0),
            ("PT1.5S", 1_500),
            ("PT1,25S", 1_250),
            ("PT90M", 5_400_000),
            ("PT2H30M", 9_000_000),
            ("P1D", 86_400_000),
            ("P1W", 604_800_000),
            ("P1DT12H0.001S", 129_600_001),
        ] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        let malformed = [
            "",
            "P",
            "PT",
            "P1DT",
            "1S",
            "PT1",
            "PTS",
            "PT-1S",
            "-PT1S",
            "PT1S1S",
            "PT1M1H",
            "PT1.5M",
            "P1S",
            "PT1.S",
            "PT.5S",
            "pt1s",
            "PT1S ",
            "P1D1W",
            "PT1.1234567890S",
            "PT1µS",
        ];
        for text in malformed {
            assert_eq!(milliseconds(text), Err(DurationError::Malformed), "{text}");
        }
        assert_eq!(milliseconds("P1M"), Err(DurationError::Calendar));
        assert_eq!(milliseconds("P1Y2D"), Err(DurationError::Calendar));
        assert_eq!(milliseconds("P99999999999999999999W"), Err(DurationError::TooLarge));
        assert_eq!(milliseconds("P18446744073709551615W"), Err(DurationError::TooLarge));
    }

    #[test]
    fn what_people_write_is_answered_with_the_form_that_is_meant() {
        let refused = |value: Value| Duration::check(&value).unwrap_err();
        for (text, said) in [
            ("5 minutes", format!("{FORM}; did you mean `PT5M`?")),
            ("30s", format!("{FORM}; did you mean `PT30S`?")),
            ("7 Days", format!("{FORM}; did you mean `P7D`?")),
            ("-1s", FORM.to_owned()),
            ("1e9d", FORM.to_owned()),
            ("99999999999999999999 s", FORM.to_owned()),
            ("", FORM.to_owned()),
        ] {
            assert_eq!(refused(Value::from(text)), said, "{text}");
        }
        assert_eq!(refused(Value::from(1.5)), format!("a string with {FORM}"));
        assert!(refused(Value::from("P1M")).contains("such as `P30D`: years and months"));
        assert!(refused(Value::from("P99999999999999999999W")).starts_with("a duration of at most"));
        assert_eq!(Duration::check(&Value::from("PT5M")), Ok(()));
    }

    #[test]
    fn lengths_are_written_without_empty_parts() {
        for (milliseconds, expected) in [
            (0, "PT0S"),
            (1, "PT0.001S"),
            (1_500, "PT1.5S"),
            (60_000, "PT1M"),
            (3_661_000, "PT1H1M1S"),
            (86_400_000, "P1D"),
            (90_000_500, "P1DT1H0.5S"),
        ] {
            let length = Duration(time::Duration::from_millis(milliseconds));
            assert_eq!(length.to_string(), expected);
            assert_eq!(expected.parse(), Ok(length));
        }
    }
}
