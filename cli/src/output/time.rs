//! Instants of the API (RFC 3339 in UTC) in shorter forms. What has another form is shown as it is.

/// Date and time to the second: `2026-11-22 13:54:14`.
pub(crate) fn date_and_time(instant: &str) -> String {
    match split(instant) {
        Some((date, time)) => format!("{date} {}", time.split('.').next().unwrap_or(time)),
        None => instant.to_owned(),
    }
}

/// The time of day to the millisecond: `13:54:14.012`.
pub(crate) fn clock_time(instant: &str) -> &str {
    split(instant).map_or(instant, |(_, time)| time)
}

fn split(instant: &str) -> Option<(&str, &str)> {
    instant.strip_suffix('Z').or_else(|| instant.strip_suffix("+00:00"))?.split_once('T')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_shortened() {
        assert_eq!(date_and_time("2026-11-22T13:54:14.012Z"), "2026-11-22 13:54:14");
        assert_eq!(clock_time("2026-11-22T13:54:14.012Z"), "13:54:14.012");
        assert_eq!(clock_time("2026-11-22T13:54:14.012+00:00"), "13:54:14.012");
        assert_eq!(date_and_time("2026-11-22T13:54:14+02:00"), "2026-11-22T13:54:14+02:00");
    }
}
