//! Where two payloads differ.
//!
//! Keys of an object have no order, so a map that was written in another order is the same value. Numbers are compared
//! as they are written, because one program writes one number in one way.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Payload, Place, strict::DEPTH_MAX};

/// The way to the first value in which two payloads differ; `None` if they are the same value.
///
/// It names keys and positions only, never values, so it may stand in errors and log lines.
pub(crate) fn first(one: &Payload, other: &Payload) -> Option<String> {
    let mut path = Vec::new();
    differ(one.as_str(), other.as_str(), &mut path).then(|| Place(&path).to_string())
}

/// Whether the texts are different values; if so, `path` leads to the first difference.
fn differ(one: &str, other: &str, path: &mut Vec<String>) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one == other {
        return false;
    }
    if path.len() >= DEPTH_MAX {
        return true;
    }
    match (one.as_bytes().first(), other.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => match (fields(one), fields(other)) {
            (Some(one), Some(other)) => fields_differ(&one, &other, path),
            _ => true,
        },
        (Some(b'['), Some(b'[')) => match (items(one), items(other)) {
            (Some(one), Some(other)) => items_differ(&one, &other, path),
            _ => true,
        },
        (Some(b'"'), Some(b'"')) => string(one).is_none_or(|one| string(other) != Some(one)),
        _ => true,
    }
}

fn fields_differ(
    one: &BTreeMap<String, &RawValue>,
    other: &BTreeMap<String, &RawValue>,
    path: &mut Vec<String>,
) -> bool {
    let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter().any(|key| member_differs(key.clone(), one.get(key), other.get(key), path))
}

fn items_differ(one: &[&RawValue], other: &[&RawValue], path: &mut Vec<String>) -> bool {
    let length = one.len().max(other.len());
    (0..length).any(|index| member_differs(index.to_string(), one.get(index), other.get(index), path))
}

fn member_differs(
    step: String,
    one: Option<&&RawValue>,
    other: Option<&&RawValue>,
    path: &mut Vec<String>,
) -> bool {
    path.push(step);
    let differs = match (one, other) {
        (Some(one), Some(other)) => differ(one.get(), other.get(), path),
        _ => true,
    };
    if !differs {
        path.pop();
    }
    differs
}

fn fields(text: &str) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(text).ok()
}

fn items(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_compared_as_values_and_the_first_difference_is_located() {
        let differ =
            |one: &str, other: &str| first(&Payload::parse(one).unwrap(), &Payload::parse(other).unwrap());
        for (one, other) in [
            (r#"{"a":1,"b":[2]}"#, r#" {"b":[2], "a":1}"#),
            (r#""\u00e9""#, r#""é""#),
            (r#"[{"x":{"p":1,"q":2}}]"#, r#"[{"x":{"q":2,"p":1}}]"#),
            ("null", " null "),
        ] {
            assert_eq!(differ(one, other), None, "{one} against {other}");
        }
        for (one, other, place) in [
            (r#"{"student":"ann"}"#, r#"{"student":"bob"}"#, "`student`"),
            (r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":2}]}"#, "`a.0.b`"),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, "`b`"),
            ("[1,2]", "[1]", "`1`"),
            ("[1,2]", "[2,1]", "`0`"),
            ("5", "\"5\"", "the value"),
            ("1.0", "1", "the value"),
            ("{}", "[]", "the value"),
            ("123456789012345678901234567890", "123456789012345678901234567891", "the value"),
        ] {
            assert_eq!(differ(one, other).as_deref(), Some(place), "{one} against {other}");
        }
    }

    #[test]
    fn text_that_is_nested_without_end_is_compared_to_a_bound() {
        let deep = |inner: &str| {
            let levels = 100_000;
            Payload::trusted(format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels)))
        };
        assert_eq!(first(&deep("1"), &deep("1")), None);
        assert!(first(&deep("1"), &deep("2")).is_some());
    }
}
