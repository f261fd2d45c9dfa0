//! Objects of JSON whose values stay as they were written.
//!
//! Generic values hold numbers as 64-bit integers or doubles: `1E2` would come out as `100.0`, and 2^64 rounded. What
//! comes from the API is therefore kept as text, and read where a command looks into it.

use std::fmt;

use ctutor_engine::payload::Payload;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};

/// The fields of an object, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object(Vec<(String, Payload)>);

impl Object {
    /// A field, if there is one of this type.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let (_, value) = self.0.iter().rfind(|(field, _)| field == name)?;
        serde_json::from_str(value.as_str()).ok()
    }

    /// Takes the text of a field out; `null` if there is none.
    pub(crate) fn take(&mut self, name: &str) -> Payload {
        let at = self.0.iter().rposition(|(field, _)| field == name);
        at.map_or_else(Payload::null, |at| self.0.swap_remove(at).1)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_stays_as_it_was_written() {
        let text = r#"{"b":[1E2,-0,18446744073709551616,"\u0000x"],"a":{"c":1e400},"d":null}"#;
        let mut object: Object = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
        assert_eq!(
            object.get::<Payload>("b").unwrap().as_str(),
            r#"[1E2,-0,18446744073709551616,"\u0000x"]"#
        );
        assert_eq!(object.get::<String>("b"), None);
        assert_eq!(object.take("a").as_str(), r#"{"c":1e400}"#);
        assert_eq!(object.take("a").as_str(), "null");
    }
}
