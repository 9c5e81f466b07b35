//! The list of all kinds as data: what the CLI, the console and SDKs are made from.

use kernel::{
    declare::{Action, KindDef, Manner, Of},
    kind::{Field, Shape},
    platform::Platform,
};
use serde_json::{Value, json};

/// Every kind with its fields, actions and views.
pub fn all(platform: &Platform) -> Value {
    let kinds: Vec<Value> = platform.kinds().iter().map(|kind| one(kind)).collect();
    json!({"kind": "KindList", "items": kinds})
}

fn one(kind: &KindDef) -> Value {
    let actions: Vec<Value> = kind.actions.iter().map(action).collect();
    json!({
        "service": kind.service,
        "kind": kind.pascal_name(),
        "name": kind.name,
        "plural": kind.plural,
        "shortNames": if kind.short.is_empty() { vec![] } else { vec![kind.short] },
        "scope": kind.scope,
        "apiVersion": kind.api_version(),
        "doc": kind.doc,
        "parent": kind.parent.map(|parent| parent.0),
        "without": kind.without,
        "fields": fields(kind.fields),
        "status": fields(kind.status),
        "actions": actions,
    })
}

fn action(action: &Action) -> Value {
    json!({
        "name": action.name,
        "doc": action.doc,
        "of": if action.of == Of::Object { "object" } else { "collection" },
        "method": if action.manner == Manner::View { "GET" } else { "POST" },
        "upload": action.manner == Manner::Upload,
        "asks": fields(action.asks),
    })
}

fn fields(table: &[Field]) -> Vec<Value> {
    table
        .iter()
        .map(|field| {
            let mut row = json!({
                "name": field.name,
                "doc": field.doc,
                "type": word(&field.shape),
                "required": field.is_required(),
                "writeOnly": field.write_only,
                "immutable": field.immutable,
                "indexed": field.indexed,
            });
            let default = field.default.and_then(|text| serde_json::from_str::<Value>(text).ok());
            let known = [
                ("default", default),
                ("example", field.example.map(Value::from)),
                ("reference", field.reference.map(Value::from)),
                ("min", field.min.map(Value::from)),
                ("max", field.max.map(Value::from)),
                ("values", values(&field.shape)),
                ("fields", inner(&field.shape)),
            ];
            for (name, value) in known {
                if let Some(value) = value {
                    row[name] = value;
                }
            }
            row
        })
        .collect()
}

fn values(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Enum(values) => Some(json!(values)),
        Shape::List(inner) | Shape::Map(inner) => values(inner),
        _ => None,
    }
}

fn inner(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Struct(table) => Some(json!(fields(table))),
        Shape::List(shape) | Shape::Map(shape) => inner(shape),
        _ => None,
    }
}

/// The word for a shape.
pub fn word(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Integer(..) => "integer".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Boolean => "boolean".to_owned(),
        Shape::Time => "time".to_owned(),
        Shape::Name => "name".to_owned(),
        Shape::Secret => "secret".to_owned(),
        Shape::Digest => "digest".to_owned(),
        Shape::Url => "url".to_owned(),
        Shape::Enum(_) => "enum".to_owned(),
        Shape::List(inner) => format!("list of {}", word(inner)),
        Shape::Map(inner) => format!("map of {}", word(inner)),
        Shape::Struct(_) => "struct".to_owned(),
        Shape::Any => "any".to_owned(),
    }
}
