//! Query strings, read strictly.
//!
//! Common readers put U+FFFD where bytes are not UTF-8, so that `%ff` would name a task that has this character as ID.

use axum::http::Uri;

/// How much of a name is said back.
const NAME_CHARS_MAX: usize = 40;

/// A parameter has percent-encoded bytes that are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{name}` is not valid UTF-8 once its percent-encoding is decoded")]
pub(crate) struct NotUtf8 {
    /// The name of the parameter, shortened.
    pub(crate) name: String,
}

/// The parameters of a URL in their order, decoded as `application/x-www-form-urlencoded`.
///
/// # Errors
///
/// [`NotUtf8`] for the first parameter whose name or value is not UTF-8.
pub(crate) fn parameters(uri: &Uri) -> Result<Vec<(String, String)>, NotUtf8> {
    let parts = uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name).map_err(|bytes| not_utf8(&String::from_utf8_lossy(&bytes)))?;
            let value = decode(value).map_err(|_| not_utf8(&name))?;
            Ok((name, value))
        })
        .collect()
}

fn not_utf8(name: &str) -> NotUtf8 {
    NotUtf8 { name: name.chars().take(NAME_CHARS_MAX).collect() }
}

/// The decoded text, or the decoded bytes if they are not UTF-8. A `%` without two hexadecimal digits is itself.
fn decode(text: &str) -> Result<String, Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            (other, _) => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Vec<(String, String)>, NotUtf8> {
        parameters(&format!("/task?{query}").parse().unwrap())
    }

    #[test]
    fn parameters_are_decoded_as_forms_are() {
        let pairs = [("a b", "1+2=3"), ("é", "\u{fffd}"), ("c", ""), ("d", "%f%zz%")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read("a+b=1%2B2=3&&%C3%a9=%EF%BF%BD&c&d=%f%zz%").unwrap(), pairs);
        assert_eq!(parameters(&"/task".parse().unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_the_name() {
        for (query, name) in
            [("a=1&id=%ff", "id"), ("id=a%ed%a0%80", "id"), ("%ff=1", "\u{fffd}"), ("id=%c3", "id")]
        {
            assert_eq!(read(query), Err(NotUtf8 { name: name.to_owned() }), "{query}");
        }
    }
}
