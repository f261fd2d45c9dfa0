//! Parameters of the query string, checked one by one so that each refusal names its parameter.

use std::{collections::HashMap, ops::RangeInclusive};

use super::error::Error;

/// The parameters as they came.
pub(super) type Parameters = axum::extract::Query<HashMap<String, String>>;

/// A whole number within a range.
pub(super) fn number(
    parameters: &HashMap<String, String>,
    name: &str,
    default: u32,
    allowed: RangeInclusive<u32>,
) -> Result<u32, Error> {
    let Some(text) = parameters.get(name) else { return Ok(default) };
    match text.parse() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (allowed.start(), allowed.end());
            let found: String = text.chars().take(40).collect();
            Err(Error::invalid(name, format!("`{name}` is `{found}`, allowed is {least} to {most}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<u32, Error> {
        number(&HashMap::from([("limit".to_owned(), text.to_owned())]), "limit", 100, 1..=1000)
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        assert_eq!(number(&HashMap::new(), "limit", 100, 1..=1000).unwrap(), 100);
        assert_eq!(limit("1").unwrap(), 1);
        assert_eq!(limit("1000").unwrap(), 1000);
        for wrong in ["0", "1001", "-1", "", "ten", "1.5", "99999999999999999999"] {
            assert!(matches!(limit(wrong), Err(Error::Invalid { .. })), "{wrong}");
        }
    }
}
