//! From a field table to JSON Schema, as OpenAPI writes it.

use kernel::{
    kind::{Field, Shape},
    validate,
};
use serde_json::{Map, Value, json};

/// Whether a schema describes what is sent or what is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Taken in: nothing unknown, nothing missing.
    In,
    /// Given out as an object: secrets are not, nor is what is absent.
    Out,
    /// Given out as an action's answer: what is absent may be null.
    Answer,
}

/// The schema of a struct with these fields.
pub fn of_fields(table: &[Field], direction: Direction) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in table {
        if direction != Direction::In && field.write_only {
            continue;
        }
        if direction == Direction::In && field.is_required() {
            required.push(field.name);
        }
        properties.insert(field.name.to_owned(), of_field(field, direction));
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if direction == Direction::In {
        schema["additionalProperties"] = false.into();
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn of_field(field: &Field, direction: Direction) -> Value {
    let mut schema = of_shape(&field.shape, direction);
    limits(&mut schema, field, direction);
    if direction == Direction::Answer && !field.required {
        may_be_null(&mut schema);
    }
    if !field.doc.is_empty() {
        schema["description"] = field.doc.into();
    }
    if let Some(default) = field.default.and_then(|text| serde_json::from_str(text).ok()) {
        schema["default"] = default;
    }
    if let Some(example) = field.example {
        schema["example"] = example.into();
    }
    if field.write_only {
        schema["writeOnly"] = true.into();
    }
    if let Some(reference) = field.reference {
        schema["x-aic-reference"] = reference.into();
    }
    schema
}

/// The properties that every object's metadata has; labels and annotations are maps of texts as somebody bounds them.
pub fn metadata(texts: &Value) -> Value {
    let text = json!({"type": "string"});
    json!({
        "name": text, "namespace": text, "uid": text, "resourceVersion": text,
        "generation": {"type": "integer", "format": "int64"},
        "creationTimestamp": {"type": "string", "format": "date-time"},
        "deletionTimestamp": {"type": "string", "format": "date-time"},
        "labels": texts, "annotations": texts,
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
        "finalizers": {"type": "array", "items": text},
        "managedFields": {"type": "array", "items": {"type": "object"}},
    })
}

fn may_be_null(schema: &mut Value) {
    if schema["type"].is_string() {
        let word = schema["type"].take();
        schema["type"] = json!([word, "null"]);
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
}

/// The same in OpenAPI 3.0, where a type is one word and `nullable` stands beside it.
pub fn for_older(schema: &mut Value) {
    if let Some(words) = schema.get_mut("type").and_then(Value::as_array_mut)
        && let Some(word) = words.first_mut().map(Value::take)
    {
        schema["type"] = word;
        schema["nullable"] = true.into();
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(for_older),
        Value::Array(items) => items.iter_mut().for_each(for_older),
        _ => {}
    }
}

fn limits(schema: &mut Value, field: &Field, direction: Direction) {
    if direction != Direction::In {
        // A field may allow more than its shape does where nobody says so.
        if let Some(schema) = schema.as_object_mut().filter(|_| field.max.is_some()) {
            schema.retain(|word, _| !["maxLength", "maxItems", "maxProperties"].contains(&word.as_str()));
        }
        return;
    }
    let whole = |number: f64| Value::from(number as i64);
    let (low, high) = match field.shape {
        Shape::Text | Shape::Secret => ("minLength", "maxLength"),
        Shape::List(_) => ("minItems", "maxItems"),
        Shape::Map(_) => ("minProperties", "maxProperties"),
        Shape::Number | Shape::Integer(..) => ("minimum", "maximum"),
        _ => return,
    };
    let number = |value: f64| if field.shape == Shape::Number { Value::from(value) } else { whole(value) };
    if let Some(min) = field.min {
        schema[low] = number(min);
    }
    if let Some(max) = field.max {
        schema[high] = number(max);
    }
}

fn of_shape(shape: &Shape, direction: Direction) -> Value {
    match shape {
        Shape::Text => json!({"type": "string", "maxLength": validate::TEXT_MAX}),
        Shape::Secret => json!({"type": "string", "format": "password", "maxLength": validate::TEXT_MAX}),
        Shape::Integer(low, high) => {
            json!({"type": "integer", "format": "int64", "minimum": low, "maximum": high})
        }
        Shape::Number => json!({"type": "number", "format": "double"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Time => json!({"type": "string", "format": "date-time"}),
        Shape::Name => json!({"type": "string", "pattern": NAME, "minLength": 1, "maxLength": 253}),
        Shape::Digest => json!({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
        Shape::Url => json!({"type": "string", "format": "uri", "maxLength": 2048}),
        Shape::Enum(values) => json!({"type": "string", "enum": values}),
        Shape::List(inner) => {
            json!({"type": "array", "items": of_shape(inner, direction), "maxItems": validate::ENTRIES_MAX})
        }
        Shape::Map(inner) => json!({
            "type": "object",
            "additionalProperties": of_shape(inner, direction),
            "maxProperties": validate::ENTRIES_MAX,
        }),
        Shape::Struct(table) => of_fields(table, direction),
        Shape::Any => json!({}),
    }
}

/// The pattern of a name (RFC 1123's subdomain).
pub const NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// The schema of what an action answers.
pub fn of_answer(shape: &Shape) -> Value {
    of_shape(shape, Direction::Answer)
}
