//! Lists as `kubectl` prints them: columns chosen from the kind, cells from the objects.

use base::Time;
use kernel::{
    declare::KindDef,
    kind::{Field, Shape},
};
use serde_json::{Value, json};

/// The most columns beside name and age.
const COLUMNS_MAX: usize = 4;

/// The fields worth a column: where the object is first, then what lists are filtered by.
fn columns(kind: &KindDef) -> Vec<(&'static str, &'static Field)> {
    let phase = kind.status.iter().filter(|field| field.name == "phase").map(|field| ("status", field));
    let plain = |field: &&Field| {
        !field.write_only
            && matches!(
                field.shape,
                Shape::Text
                    | Shape::Name
                    | Shape::Integer(..)
                    | Shape::Number
                    | Shape::Boolean
                    | Shape::Enum(_)
            )
    };
    let wanted = kind.fields.iter().filter(plain).filter(|field| field.indexed).map(|field| ("spec", field));
    let known =
        kind.status.iter().filter(plain).filter(|field| field.name != "phase").map(|field| ("status", field));
    phase.chain(wanted).chain(known).take(COLUMNS_MAX).collect()
}

fn definitions(kind: &KindDef) -> Vec<Value> {
    let column = |name: &str, word: &str, doc: &str| json!({"name": name, "type": word, "format": "", "description": doc, "priority": 0});
    let mut all = vec![json!({
        "name": "Name", "type": "string", "format": "name", "description": "The object's name.", "priority": 0,
    })];
    for (_, field) in columns(kind) {
        let word = match field.shape {
            Shape::Integer(..) => "integer",
            Shape::Number => "number",
            Shape::Boolean => "boolean",
            _ => "string",
        };
        let mut title = String::new();
        for c in field.name.chars() {
            if c.is_uppercase() {
                title.push(' ');
            }
            let first = title.is_empty();
            title.extend(c.to_uppercase().find(|_| first).or(Some(c)));
        }
        all.push(column(&title, word, field.doc));
    }
    all.push(column("Age", "string", "Since when it is there."));
    all
}

/// How old something is, as `kubectl` writes it.
fn age(now: Time, since: &Value) -> String {
    let Some(since) = since.as_str().and_then(|text| text.parse::<Time>().ok()) else {
        return "<unknown>".to_owned();
    };
    let seconds = now.seconds_since(since).max(0.0) as u64;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn row(kind: &KindDef, now: Time, object: &Value, include: &str) -> Value {
    let mut cells = vec![object["metadata"]["name"].clone()];
    for (part, field) in columns(kind) {
        let value = &object[part][field.name];
        cells.push(if value.is_null() { "".into() } else { value.clone() });
    }
    cells.push(age(now, &object["metadata"]["creationTimestamp"]).into());
    let shown = match include {
        "Object" => object.clone(),
        "None" => Value::Null,
        _ => json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object["metadata"],
        }),
    };
    json!({"cells": cells, "object": shown})
}

/// A table of some objects.
pub fn of(kind: &KindDef, now: Time, objects: &[Value], metadata: &Value, include: &str) -> Value {
    let rows: Vec<Value> = objects.iter().map(|object| row(kind, now, object, include)).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions(kind),
        "rows": rows,
    })
}

/// Whether a request's `Accept` asks for a table.
pub fn wanted(accept: &str) -> bool {
    accept.split(',').next().is_some_and(|first| first.contains("as=Table"))
}
