//! `Retry-After` of an answer: seconds, or the time in GMT (RFC 9110, section 10.2.3).

use std::time::Duration;

use chrono::DateTime;
use ctutor_engine::clock::Timestamp;

/// How long the server asks to wait; what is neither of both forms says nothing.
pub(super) fn read(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Some(Timestamp::from(at.to_utc()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = Timestamp(784_111_777_000);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
