//! Durations as they are written in options: `"10m"`, `"1h 30m"`, `"500ms"`.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;

/// A hundred years. The engine adds durations to points in time, which must not overflow.
const LONGEST_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// A unit with its length in milliseconds.
type Unit = (&'static str, u64);

/// The longest first.
static UNITS: [Unit; 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration; the error says what is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return Err("a duration must not be blank, write one such as `10m`".to_owned());
    }
    let mut total_ms = 0_u64;
    let mut shorter_units = UNITS.as_slice();
    while !rest.is_empty() {
        let (count, unit, after) = split_part(text, rest)?;
        let (unit_ms, shorter) = find_unit(text, unit, shorter_units)?;
        total_ms = count
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(unit_ms))
            .and_then(|part_ms| total_ms.checked_add(part_ms))
            .filter(|total_ms| *total_ms <= LONGEST_MS)
            .ok_or_else(|| format!("`{text}` is too long, at most 100 years are allowed"))?;
        shorter_units = shorter;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

/// The code that makes the duration again.
pub(crate) fn tokens(duration: Duration) -> TokenStream {
    // `parse` allows no more than LONGEST_MS, so the saturation is never met.
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote! { ::core::time::Duration::from_millis(#millis) }
}

/// Splits `1h 30m` into `1`, `h` and ` 30m`.
fn split_part<'a>(text: &str, rest: &'a str) -> Result<(&'a str, &'a str, &'a str), String> {
    let (count, after_count) = split_while(rest, |character| character.is_ascii_digit());
    if count.is_empty() {
        return Err(format!("`{text}` is not a valid duration: expected a whole number at `{rest}`"));
    }
    if after_count.starts_with('.') {
        return Err(format!(
            "`{text}` is not a valid duration: write fractions in a smaller unit, such as `1s 500ms`"
        ));
    }
    let (unit, after) =
        split_while(after_count, |character| !character.is_ascii_digit() && !character.is_whitespace());
    Ok((count, unit, after))
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !belongs(character)).unwrap_or(text.len()))
}

/// The length of a unit, and the units that may follow it.
///
/// Units must come from long to short and once each: `30m 1h` is more often a slip than meant.
fn find_unit(text: &str, unit: &str, allowed: &'static [Unit]) -> Result<(u64, &'static [Unit]), String> {
    if let Some(at) = allowed.iter().position(|(name, _)| *name == unit) {
        return Ok((allowed[at].1, &allowed[at + 1..]));
    }
    if UNITS.iter().any(|(name, _)| *name == unit) {
        return Err(format!(
            "`{text}` is not a valid duration: `{unit}` is out of place, units go from long to short, once each"
        ));
    }
    let known = UNITS.map(|(name, _)| format!("`{name}`")).join(", ");
    if unit.is_empty() {
        return Err(format!("`{text}` is not a valid duration: a number has no unit; known: {known}"));
    }
    Err(format!("`{text}` is not a valid duration: unknown unit `{unit}`; known: {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_the_sum_of_its_parts() {
        for (text, millis) in [
            ("500ms", 500),
            ("1s", 1_000),
            ("10m", 600_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            (" 1d  1ms ", 86_400_001),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_wrong_duration_is_refused_with_its_fault() {
        for (text, fault) in [
            ("", "a duration must not be blank"),
            ("  ", "a duration must not be blank"),
            ("ten", "expected a whole number at `ten`"),
            ("-1s", "expected a whole number at `-1s`"),
            ("1m, 2s", "unknown unit `m,`"),
            ("10", "a number has no unit; known: `d`, `h`, `m`, `s`, `ms`"),
            ("10 m", "a number has no unit"),
            ("10x", "unknown unit `x`; known: `d`, `h`, `m`, `s`, `ms`"),
            ("5µs", "unknown unit `µs`"),
            ("1.5s", "write fractions in a smaller unit"),
            ("30m 1h", "`h` is out of place"),
            ("1s 1s", "`s` is out of place"),
            ("99999999999999999999d", "too long"),
            ("36501d", "too long"),
            ("36500d 1ms", "too long"),
        ] {
            let error = parse(text).expect_err("a fault");
            assert!(error.contains(fault), "{text}: {error}");
        }
        assert!(parse("36500d").is_ok());
    }
}
