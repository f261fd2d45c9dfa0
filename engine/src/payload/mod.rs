//! Payloads: the JSON text that workflows and activities take and return.

pub(crate) mod difference;
pub mod exact;
mod finite;
mod number;
pub mod strict;
pub mod syntax;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Default maximum size of an input or result of a workflow or activity, in bytes.
pub const SIZE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Failure type if an input, result or checkpoint is larger than [`SIZE_BYTES_MAX`].
pub const TOO_LARGE: &str = "PayloadTooLarge";

/// JSON text, kept as it was written: key order and the spelling of numbers survive.
///
/// Cloning is cheap.
#[derive(Clone)]
pub struct Payload {
    text: Arc<str>,
    /// Whether it is known to keep to the rules of [`strict`], so that nobody needs to look again.
    is_checked: bool,
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Payload {}

/// A payload is larger than [`SIZE_BYTES_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {size_bytes} bytes, at most {SIZE_BYTES_MAX} are allowed")]
pub struct TooLarge {
    /// Which payload it is.
    pub what: String,
    /// Its size in bytes.
    pub size_bytes: usize,
}

/// A payload that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The value cannot be written as JSON.
    #[error("the value cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// A number of the value is NaN or infinite, which JSON has no number for.
    #[error(
        "{} is `{found}`, expected a finite number, which is all that JSON has; use an `Option` or a string for it",
        Place(path)
    )]
    NotFinite {
        /// The way to the number: keys and positions in arrays; empty if it is the whole value.
        path: Vec<String>,
        /// `NaN`, `Infinity` or `-Infinity`.
        found: &'static str,
    },
    /// The JSON text does not fit the expected type.
    #[error("the payload cannot be read: {0}")]
    Decode(serde_json::Error),
}

/// The path of a value within another.
struct Place<'a>(&'a [String]);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the value") } else { write!(f, "`{}`", self.0.join(".")) }
    }
}

impl Payload {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`PayloadError::Encode`] when the value has no JSON form, such as a map whose keys are not strings, and
    /// [`PayloadError::NotFinite`] when it has a number that is NaN or infinite.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let text = serde_json::to_string(value).map_err(PayloadError::Encode)?;
        if text.contains("null") {
            finite::check(value)
                .map_err(|fault| PayloadError::NotFinite { path: fault.path(), found: fault.found() })?;
        }
        Ok(Self::unchecked(text))
    }

    /// Reads a value. As in JSON Schema, `100.0` and `1E2` are integers where an integer is expected.
    ///
    /// # Errors
    /// [`PayloadError::Decode`], which says what was expected and where.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        serde_json::from_str(&self.text).or_else(|error| {
            let value = self.to_value().map(number::with_integers);
            value
                .and_then(|value| serde_json::from_value(value).map_err(PayloadError::Decode))
                .map_err(|_| PayloadError::Decode(error))
        })
    }

    /// Checks that the text is JSON and keeps it.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] if it is not.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, PayloadError> {
        let text = text.into();
        serde_json::from_str::<&RawValue>(&text).map_err(PayloadError::Decode)?;
        Ok(Self::unchecked(text))
    }

    /// Takes text that was checked when it was stored.
    #[must_use]
    pub(crate) fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self::unchecked(text)
    }

    fn unchecked(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), is_checked: false }
    }

    /// JSON `null`.
    #[must_use]
    pub fn null() -> Self {
        Self::unchecked("null")
    }

    /// JSON `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::unchecked("{}")
    }

    /// Whether the value is a JSON object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.text.trim_start().starts_with('{')
    }

    /// The value without a type. Numbers are read as 64-bit integers or doubles: use [`Self::as_str`] to pass a payload
    /// on unchanged.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] for JSON that has no such value, as when it is nested too deeply. Text that
    /// [`strict::check`] accepts has one.
    pub fn to_value(&self) -> Result<serde_json::Value, PayloadError> {
        serde_json::from_str(&self.text).map_err(PayloadError::Decode)
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.text.len()
    }
}

impl Payload {
    /// Checks that the payload is not larger than [`SIZE_BYTES_MAX`].
    ///
    /// # Errors
    /// [`TooLarge`], which names `what`.
    pub fn check_size(&self, what: impl Into<String>) -> Result<(), TooLarge> {
        match self.size_bytes() {
            size_bytes if size_bytes > SIZE_BYTES_MAX => Err(TooLarge { what: what.into(), size_bytes }),
            _ => Ok(()),
        }
    }
}

impl From<&serde_json::Value> for Payload {
    fn from(value: &serde_json::Value) -> Self {
        Self::unchecked(value.to_string())
    }
}

impl From<serde_json::Value> for Payload {
    fn from(value: serde_json::Value) -> Self {
        Self::from(&value)
    }
}

impl From<Box<RawValue>> for Payload {
    fn from(raw: Box<RawValue>) -> Self {
        Self::unchecked(raw.get())
    }
}

impl fmt::Debug for Payload {
    /// Size only: payloads may hold personal data and must not reach logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.text.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self::unchecked(raw.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_keeps_its_text() {
        let payload = Payload::parse(r#"{"b":1.0,"a":[1e2]}"#).unwrap();
        assert_eq!(serde_json::to_string(&payload).unwrap(), r#"{"b":1.0,"a":[1e2]}"#);
        assert!(Payload::parse("{nonsense").is_err());
    }

    #[test]
    fn an_integer_may_be_written_as_a_double() {
        let read = |text: &str| Payload::parse(text).unwrap().decode::<Vec<u8>>();
        assert_eq!(read("[1E2, -0, 2.0, 3]").unwrap(), [100, 0, 2, 3]);
        let error = read("[1.5]").unwrap_err().to_string();
        assert!(error.contains("floating point `1.5`, expected u8 at line 1 column 4"), "{error}");
        assert!(read("[2.56e2]").is_err() && read("[1e300]").is_err());
    }

    #[test]
    fn text_without_a_value_is_an_error_and_not_null() {
        let deep = Payload::parse(format!("{}{}", "[".repeat(200), "]".repeat(200))).unwrap();
        assert!(matches!(deep.to_value(), Err(PayloadError::Decode(_))));
        let marked = Payload::parse(r#"{"$serde_json::private::RawValue":"1","b":1}"#).unwrap();
        assert!(matches!(marked.to_value(), Err(PayloadError::Decode(_))));
        assert_eq!(Payload::null().to_value().unwrap(), serde_json::Value::Null);
    }

    #[test]
    fn a_number_that_is_not_finite_is_no_null() {
        let told = |result: Result<Payload, PayloadError>| result.unwrap_err().to_string();
        assert_eq!(
            told(Payload::encode(&[1.0, f64::NAN])),
            "`1` is `NaN`, expected a finite number, which is all that JSON has; use an `Option` or a string for it"
        );
        assert!(told(Payload::encode(&f32::NEG_INFINITY)).starts_with("the value is `-Infinity`"));
        assert_eq!(Payload::encode(&[Some(1.5), None]).unwrap().as_str(), "[1.5,null]");
    }

    #[test]
    fn debug_output_hides_the_content() {
        assert_eq!(format!("{:?}", Payload::parse(r#""secret""#).unwrap()), "Payload(8 bytes)");
    }
}
