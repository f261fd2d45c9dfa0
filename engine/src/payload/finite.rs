//! Whether a value has a number that JSON cannot hold.
//!
//! `serde_json` writes NaN and the infinities as `null`, without a word. The text no longer tells them from a `null` that
//! was meant, so the value is walked once more, though only if there is a `null` in its text.

use std::fmt::{self, Display};

use serde::{Serialize, ser};

/// A number that is not finite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotFinite {
    /// The way to it, innermost first.
    path: Vec<String>,
    /// `NaN`, `Infinity` or `-Infinity`.
    found: &'static str,
}

impl NotFinite {
    /// The place of the number, from the outside; empty if it is the whole value.
    pub(super) fn path(&self) -> Vec<String> {
        self.path.iter().rev().cloned().collect()
    }

    pub(super) fn found(&self) -> &'static str {
        self.found
    }
}

/// Walks a value that has been written as JSON.
///
/// # Errors
/// The first number that is not finite.
pub(super) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), NotFinite> {
    match value.serialize(Walk) {
        Err(Stop::NotFinite(fault)) => Err(fault),
        // What cannot be serialized has failed before.
        Ok(_) | Err(Stop::Other) => Ok(()),
    }
}

/// Why the walk ends early.
#[derive(Debug)]
enum Stop {
    NotFinite(NotFinite),
    Other,
}

impl Stop {
    fn below(self, step: impl Display) -> Self {
        match self {
            Self::NotFinite(mut fault) => {
                fault.path.push(super::strict::shown(&step.to_string()));
                Self::NotFinite(fault)
            }
            Self::Other => Self::Other,
        }
    }
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not JSON")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self::Other
    }
}

/// The string that a scalar is, for it may be a key.
type Scalar = Option<String>;

struct Walk;

macro_rules! scalars {
    ($($method:ident: $ty:ty),+ $(,)?) => {
        $(fn $method(self, value: $ty) -> Result<Scalar, Stop> {
            Ok(Some(value.to_string()))
        })+
    };
}

impl ser::Serializer for Walk {
    type Ok = Scalar;
    type Error = Stop;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Items;
    type SerializeStruct = Items;
    type SerializeStructVariant = Items;

    scalars! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_f32(self, value: f32) -> Result<Scalar, Stop> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Scalar, Stop> {
        let found = match value {
            _ if value.is_finite() => return Ok(Some(value.to_string())),
            _ if value.is_nan() => "NaN",
            _ if value.is_sign_negative() => "-Infinity",
            _ => "Infinity",
        };
        Err(Stop::NotFinite(NotFinite { path: Vec::new(), found }))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Scalar, Stop> {
        Ok(None)
    }

    fn serialize_none(self) -> Result<Scalar, Stop> {
        Ok(None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Scalar, Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Scalar, Stop> {
        Ok(None)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Scalar, Stop> {
        Ok(None)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Scalar, Stop> {
        Ok(Some(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Scalar, Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Scalar, Stop> {
        value.serialize(self).map_err(|stop| stop.below(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items, Stop> {
        Ok(Items::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items, Stop> {
        Ok(Items::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items, Stop> {
        Ok(Items::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items, Stop> {
        Ok(Items { variant: Some(variant), ..Items::default() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items, Stop> {
        Ok(Items::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items, Stop> {
        Ok(Items::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items, Stop> {
        Ok(Items { variant: Some(variant), ..Items::default() })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<Scalar, Stop> {
        Ok(Some(value.to_string()))
    }
}

/// The items of an array or the fields of an object.
#[derive(Default)]
struct Items {
    variant: Option<&'static str>,
    index: usize,
    key: String,
}

impl Items {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let index = self.index;
        self.index += 1;
        self.field(&index, value)
    }

    fn field<T: Serialize + ?Sized>(&self, step: &dyn Display, value: &T) -> Result<(), Stop> {
        match value.serialize(Walk) {
            Ok(_) => Ok(()),
            Err(stop) => Err(match self.variant {
                Some(variant) => stop.below(step).below(variant),
                None => stop.below(step),
            }),
        }
    }
}

macro_rules! sequences {
    ($($name:ident: $method:ident),+ $(,)?) => {
        $(impl ser::$name for Items {
            type Ok = Scalar;
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(value)
            }

            fn end(self) -> Result<Scalar, Stop> {
                Ok(None)
            }
        })+
    };
}

sequences! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! structs {
    ($($name:ident),+ $(,)?) => {
        $(impl ser::$name for Items {
            type Ok = Scalar;
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.field(&key, value)
            }

            fn end(self) -> Result<Scalar, Stop> {
                Ok(None)
            }
        })+
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Items {
    type Ok = Scalar;
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = key.serialize(Walk)?.unwrap_or_default();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.field(&self.key, value)
    }

    fn end(self) -> Result<Scalar, Stop> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Circle(f64),
        Box { width: f32 },
        Pair(u8, f64),
    }

    fn fault<T: Serialize>(value: &T) -> Option<(String, &'static str)> {
        check(value).err().map(|fault| (fault.path().join("."), fault.found()))
    }

    #[test]
    fn a_number_that_is_not_finite_is_told_with_its_place() {
        assert_eq!(fault(&f64::NAN), Some((String::new(), "NaN")));
        assert_eq!(fault(&[0.0, f64::INFINITY]), Some(("1".to_owned(), "Infinity")));
        assert_eq!(fault(&Some(f32::NEG_INFINITY)), Some((String::new(), "-Infinity")));
        let map = BTreeMap::from([("a", vec![Some(1.0)]), ("b", vec![None, Some(f64::NAN)])]);
        assert_eq!(fault(&map), Some(("b.1".to_owned(), "NaN")));
        assert_eq!(fault(&Shape::Circle(f64::NAN)), Some(("Circle".to_owned(), "NaN")));
        assert_eq!(fault(&Shape::Box { width: f32::NAN }), Some(("Box.width".to_owned(), "NaN")));
        assert_eq!(fault(&Shape::Pair(1, f64::NAN)), Some(("Pair.1".to_owned(), "NaN")));
        assert_eq!(fault(&BTreeMap::from([(7, f64::NAN)])), Some(("7".to_owned(), "NaN")));
    }

    #[test]
    fn everything_else_passes() {
        assert_eq!(fault(&(1.5, "NaN", (), Option::<f64>::None, f64::MAX, -0.0)), None);
        assert_eq!(fault(&serde_json::json!({ "a": [null, { "b": 1e300 }] })), None);
    }
}
