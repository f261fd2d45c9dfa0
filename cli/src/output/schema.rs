use serde_json::Value;

/// The fields of an object's JSON Schema in one line, optional ones with `?`: `duration: integer, message?: string`.
pub(crate) fn signature(schema: &Value) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return type_of(schema);
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let fields = properties.iter().map(|(name, property)| {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        format!("{name}{mark}: {}", type_of(property))
    });
    fields.collect::<Vec<_>>().join(", ")
}

fn type_of(schema: &Value) -> String {
    match schema.get("type") {
        Some(Value::String(name)) if name == "array" => {
            format!("[{}]", schema.get("items").map_or_else(|| "any".to_owned(), type_of))
        }
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.collect::<Vec<_>>().join(" | ")
        }
        _ => reference(schema).unwrap_or("any").to_owned(),
    }
}

/// The name of a type that stands elsewhere in the schema.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
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
                "data": {"type": "array", "items": {"type": "number"}},
                "mode": {"$ref": "#/$defs/Mode"},
                "rest": true,
            },
            "required": ["duration", "mode"],
        });
        assert_eq!(
            signature(&schema),
            "duration: integer, message?: string, data?: [number], mode: Mode, rest?: any"
        );
        assert_eq!(signature(&json!({"type": "string"})), "string");
        assert_eq!(signature(&json!(true)), "any");
    }
}
