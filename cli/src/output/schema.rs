use serde_json::Value;

/// The fields of an object's JSON Schema in one line, optional ones with `?`: `duration: integer, message?: string`.
pub(crate) fn signature(schema: &Value) -> String {
    let shape = Shape { root: schema };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return shape.type_of(schema);
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let fields = properties.iter().map(|(name, property)| {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        format!("{name}{mark}: {}", shape.type_of(property))
    });
    fields.collect::<Vec<_>>().join(", ")
}

/// A schema with the definitions that its parts refer to.
struct Shape<'a> {
    root: &'a Value,
}

impl Shape<'_> {
    fn type_of(&self, schema: &Value) -> String {
        let alternatives = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(name)?.as_array());
        match schema.get("type") {
            Some(Value::String(name)) => self.named(name, schema),
            Some(Value::Array(names)) => {
                either(names.iter().filter_map(Value::as_str).map(|name| self.named(name, schema)))
            }
            _ => match (schema.get("$ref").and_then(Value::as_str), alternatives) {
                (Some(path), _) => self.referred(path),
                (None, Some(alternatives)) => either(alternatives.iter().map(|schema| self.type_of(schema))),
                (None, None) => "any".to_owned(),
            },
        }
    }

    fn named(&self, name: &str, schema: &Value) -> String {
        match schema.get("items") {
            Some(items) if name == "array" => format!("[{}]", self.type_of(items)),
            _ => name.to_owned(),
        }
    }

    /// What stands elsewhere: its type if that is simple, else its name. Types that contain themselves end here.
    fn referred(&self, path: &str) -> String {
        let found = path.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        match found {
            Some(found) if found.get("type").is_some_and(|name| name != "object") => self.type_of(found),
            _ => path.rsplit('/').next().unwrap_or(path).to_owned(),
        }
    }
}

/// The alternatives, without `null`: that a field may be left out is said by its `?`.
fn either(types: impl Iterator<Item = String>) -> String {
    let mut known: Vec<String> = Vec::new();
    for name in types {
        if name != "null" && !known.contains(&name) {
            known.push(name);
        }
    }
    known.join(" | ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_told_in_one_line() {
        let schema = json!({
            "type": "object",
            "properties": {
                "duration": {"type": "integer"},
                "message": {"type": ["string", "null"]},
                "data": {"type": ["array", "null"], "items": {"type": "number"}},
                "mode": {"$ref": "#/$defs/Mode"},
                "count": {"$ref": "#/$defs/Count"},
                "plan": {"anyOf": [{"$ref": "#/$defs/Plan"}, {"type": "null"}]},
                "rest": true,
            },
            "required": ["duration", "mode"],
            "$defs": {
                "Mode": {"type": "string", "enum": ["a", "b"]},
                "Count": {"type": ["integer", "string"]},
                "Plan": {"type": "object"},
            },
        });
        assert_eq!(
            signature(&schema),
            "duration: integer, message?: string, data?: [number], mode: string, count?: integer | string, \
             plan?: Plan, rest?: any"
        );
        assert_eq!(signature(&json!({"type": "string"})), "string");
        assert_eq!(signature(&json!(true)), "any");
    }
}
