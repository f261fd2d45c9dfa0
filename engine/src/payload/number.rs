//! Whether a number means the same once it is a 64-bit integer or a double.

use serde_json::Value;

/// The most digits that a double can need to be told from all others.
const DOUBLE_DIGITS_MAX: usize = 17;

/// A decimal: `0.DIGITS × 10^exponent`, without zeros at either end. No digits stand for zero.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

/// Checks that a number of JSON text is a 64-bit integer, or a double written with at most 17 digits or exactly.
///
/// # Errors
/// The nearest double, as it would be printed, if the number is within the range of doubles.
pub(super) fn check(text: &str) -> Result<(), Option<String>> {
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        return Ok(());
    }
    let Ok(double) = text.parse::<f64>() else { return Err(None) };
    if !double.is_finite() {
        return Err(None);
    }
    let written = Decimal::read(text);
    let shortest = Decimal::read(&format!("{double:e}"));
    if written == shortest {
        return Ok(());
    }
    let digits = written.digits.len();
    let is_rendition = (1..=DOUBLE_DIGITS_MAX).contains(&digits)
        && written == Decimal::read(&format!("{double:.*e}", digits - 1));
    if is_rendition {
        return Ok(());
    }
    Err(Some(Value::from(double).to_string()))
}

/// The value with integers in place of the doubles that are whole, as far as doubles count without a gap.
pub(super) fn with_integers(value: Value) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
            Some(double) if double.fract() == 0.0 && double.abs() <= WHOLE_MAX => Value::from(double as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(with_integers).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, with_integers(field))).collect()
        }
        other => other,
    }
}

impl Decimal {
    /// Reads a number that a parser has taken.
    fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let is_negative = mantissa.starts_with('-');
        let mantissa = mantissa.trim_start_matches(['-', '+']);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Self { is_negative, digits, exponent: 0 };
        }
        // An exponent beyond 64 bits belongs to zero or to a number that no double has.
        let exponent = exponent.parse().unwrap_or(i64::MAX);
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(leading).unwrap_or(0);
        Self { is_negative, digits, exponent: point.saturating_add(exponent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_keep_their_value_pass_however_they_are_written() {
        for text in [
            "0",
            "-0",
            "-0.0",
            "0e99999999999999999999",
            "1E2",
            "1e+21",
            "1e-07",
            "2.50",
            "0.10",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "10000000000000000000000",
            "0.1",
            "0.10000000000000001",
            "0.3",
            "3.141592653589793",
            "1.7976931348623157e308",
            "5e-324",
            "4.9E-324",
            "2.2250738585072014e-308",
            "100000e-5",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn numbers_that_would_change_are_refused_with_the_nearest() {
        for (text, nearest) in [
            ("18446744073709551616", Some("1.8446744073709552e+19")),
            ("-9223372036854775809", Some("-9.223372036854776e+18")),
            ("0.1234567890123456789", Some("0.12345678901234568")),
            ("1e-400", Some("0.0")),
            ("-1e-400", Some("-0.0")),
            ("9007199254740993.0", Some("9007199254740992.0")),
            ("1e400", None),
            ("-1e99999999999999999999", None),
        ] {
            assert_eq!(check(text).unwrap_err().as_deref(), nearest, "{text}");
        }
    }
}
