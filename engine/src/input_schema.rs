//! Schemas of inputs that take no field beside those that they describe.
//!
//! Deserializing skips what a type does not know, so that a misspelled optional field would count as left out. The schema of
//! an input is checked before a run is accepted, and refuses it instead. What is recorded already is only deserialized: a
//! run whose input has more fields goes on.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords with schemas of the same value: each describes a part of it.
const SAME_VALUE: [&str; 8] = ["$ref", "allOf", "anyOf", "else", "if", "not", "oneOf", "then"];
/// Keywords with schemas of other values: by name, and of items.
const NAMED: [&str; 3] = ["$defs", "patternProperties", "properties"];
const ITEMS: [&str; 3] = ["additionalProperties", "contains", "items"];
/// Those beside which another schema always describes the same value.
const PARTIAL: [&str; 3] = ["allOf", "if", "not"];
/// Where definitions are, as references name them.
const DEFINITIONS: &str = "#/$defs/";

/// Closes every object of a schema that describes all of its fields in one place. Those that are composed of several
/// schemas, or say themselves what else they take, stay as they are.
pub(crate) fn close(schema: &mut Value) {
    let mut parts = BTreeSet::new();
    visit(schema, false, &mut |fields, is_part| {
        let reference = fields.get("$ref").and_then(Value::as_str);
        if let Some(name) = reference.and_then(|place| place.strip_prefix(DEFINITIONS)).filter(|_| is_part) {
            parts.insert(name.to_owned());
        }
    });
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    let mut definitions = definitions.map(std::mem::take).unwrap_or_default();
    visit(schema, false, &mut close_object);
    for (name, definition) in &mut definitions {
        visit(definition, parts.contains(name), &mut close_object);
    }
    if let Some(emptied) = schema.get_mut("$defs") {
        *emptied = Value::Object(definitions);
    }
}

fn close_object(fields: &mut Map<String, Value>, is_part: bool) {
    let is_open =
        ["additionalProperties", "unevaluatedProperties"].iter().any(|word| fields.contains_key(*word));
    if fields.contains_key("properties") && !is_part && !is_open {
        fields.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

/// Visits the objects of a schema, each with the word whether another one describes a part of the same value.
fn visit(schema: &mut Value, is_part: bool, see: &mut impl FnMut(&mut Map<String, Value>, bool)) {
    let Value::Object(fields) = schema else { return };
    let is_part = is_part || is_composed(fields);
    see(fields, is_part);
    for (keyword, within) in fields {
        let is_same = SAME_VALUE.contains(&keyword.as_str());
        match within {
            Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                named.values_mut().for_each(|schema| visit(schema, false, see));
            }
            Value::Array(schemas) if is_same || *keyword == "prefixItems" => {
                schemas.iter_mut().for_each(|schema| visit(schema, is_same && is_part, see));
            }
            schema if is_same || ITEMS.contains(&keyword.as_str()) => visit(schema, is_same && is_part, see),
            _ => {}
        }
    }
}

fn is_composed(fields: &Map<String, Value>) -> bool {
    let has = |keyword: &&str| fields.contains_key(*keyword);
    let described = usize::from(has(&"properties") || has(&"patternProperties"));
    SAME_VALUE.iter().filter(|keyword| has(keyword)).count() + described > 1 || PARTIAL.iter().any(has)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::{JsonSchema, schema_for};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Plain {
        size: Option<u32>,
        inner: Vec<Inner>,
        maybe: Option<Inner>,
        choice: Choice,
        map: BTreeMap<String, Inner>,
        any: Value,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Inner {
        name: Option<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Choice {
        One { size: u32 },
        Other(Part),
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Part {
        name: Option<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Flat {
        size: u32,
        #[serde(flatten)]
        choice: Choice,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Rest {
        size: u32,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    #[schemars(extend("additionalProperties" = true))]
    struct Open {
        size: u32,
    }

    fn takes<T: JsonSchema>(input: &Value) -> bool {
        let mut schema = schema_for!(T).to_value();
        close(&mut schema);
        jsonschema::validator_for(&schema).unwrap().is_valid(input)
    }

    #[test]
    fn a_field_that_no_type_has_is_refused_at_every_depth() {
        let input = |place: &str, name: &str| {
            let mut input = json!({
                "size": 1, "inner": [{}], "maybe": {}, "choice": { "kind": "one", "size": 1 }, "map": { "a": {} },
                "any": {},
            });
            input.pointer_mut(place).unwrap()[name] = json!(null);
            input
        };
        for place in ["", "/inner/0", "/maybe", "/choice", "/map/a"] {
            assert!(!takes::<Plain>(&input(place, "nmae")), "{place}");
        }
        for (place, name) in [("", "size"), ("/inner/0", "name"), ("/maybe", "name"), ("/any", "x")] {
            assert!(takes::<Plain>(&input(place, name)), "{place}");
        }
    }

    #[test]
    fn what_is_composed_or_open_takes_what_it_took() {
        assert!(takes::<Choice>(&json!({ "kind": "other", "name": "a" })));
        assert!(takes::<Flat>(&json!({ "size": 1, "kind": "one" })));
        assert!(takes::<Flat>(&json!({ "size": 1, "kind": "other", "name": "a" })));
        assert!(takes::<Rest>(&json!({ "size": 1, "more": 2 })));
        assert!(takes::<Open>(&json!({ "size": 1, "more": 2 })));
        assert!(takes::<Value>(&json!({ "more": 2 })));
    }
}
