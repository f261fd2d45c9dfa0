//! Durations as the many dialects write them.

/// Seconds in a text; 0 for what is not a duration. Only shown, never judged by.
///
/// Both `.` and `,` may be the decimal separator or separate thousands. A single comma is a decimal comma, because the
/// one dialect that groups by thousands (Surefire) writes decimals, too, unless a test takes whole seconds.
pub(super) fn seconds(text: &str) -> f64 {
    let text = text.trim();
    let end = text.find(|one: char| one.is_alphabetic() && !matches!(one, 'e' | 'E')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match (clock(text), factor(unit)) {
        (Some(seconds), _) => seconds,
        (None, Some(factor)) => {
            plain(number).and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) * factor
        }
        (None, None) => 0.0,
    };
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

fn factor(unit: &str) -> Option<f64> {
    Some(match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "ms" | "msec" | "millis" | "milliseconds" => 1e-3,
        "us" | "µs" | "μs" | "microseconds" => 1e-6,
        "ns" | "nanoseconds" => 1e-9,
        "m" | "min" | "minutes" => 60.0,
        "h" | "hours" => 3_600.0,
        _ => return None,
    })
}

/// `h:mm:ss.fff`, as .NET writes.
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.split(':').rev();
    let (seconds, minutes) = (parts.next()?, parts.next()?);
    let hours = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    let part = |text: &str| plain(text)?.parse::<f64>().ok().filter(|number| *number >= 0.0);
    Some(part(hours)? * 3_600.0 + part(minutes)? * 60.0 + part(seconds)?)
}

/// A number with at most one separator, which is a `.`.
fn plain(text: &str) -> Option<String> {
    let text: String =
        text.chars().filter(|one| !one.is_whitespace() && !matches!(one, '\'' | '’' | '_')).collect();
    let (commas, dots) = (text.matches(',').count(), text.matches('.').count());
    let last_is_comma = text.rfind(',') > text.rfind('.');
    let text = match (commas, dots) {
        (0, 0 | 1) => text,
        (1, 0) => text.replace(',', "."),
        // All are separators of thousands.
        (_, 0) => text.replace(',', ""),
        (0, _) => text.replace('.', ""),
        // The last one is the decimal separator.
        (1, _) if last_is_comma => text.replace('.', "").replace(',', "."),
        (_, 1) if !last_is_comma => text.replace(',', ""),
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_all_dialects_are_read() {
        for (text, expected) in [
            ("0.005", 0.005),
            ("0,005", 0.005),
            ("12,5", 12.5),
            ("1,234.5", 1_234.5),
            ("1.234,5", 1_234.5),
            ("1,234,567", 1_234_567.0),
            ("1,234,567.25", 1_234_567.25),
            ("1.234.567", 1_234_567.0),
            ("1 234,5", 1_234.5),
            ("1\u{a0}234,5", 1_234.5),
            ("1'234.5", 1_234.5),
            ("0.", 0.0),
            (".5", 0.5),
            ("7", 7.0),
            ("1e-05", 1e-5),
            ("9.5E-06", 9.5e-6),
            (" 0.25 ", 0.25),
            ("250ms", 0.25),
            ("250 ms", 0.25),
            ("0.25s", 0.25),
            ("12 sec", 12.0),
            ("00:01:02.5", 62.5),
            ("1:02,5", 62.5),
            ("-1", 0.0),
            ("NaN", 0.0),
            ("inf", 0.0),
            ("1e999", 0.0),
            ("", 0.0),
            ("soon", 0.0),
            ("1,2.3,4", 0.0),
            ("-1:00", 0.0),
        ] {
            let found = seconds(text);
            assert!((found - expected).abs() <= expected * 1e-9, "{text}: {found}");
        }
    }
}
